"""A command that is stopped while its study runs, on a fast machine as on a slow one."""

from __future__ import annotations

PROGRAM = """
import os, signal
from gengap.cli import main
from gengap.records.store import Store

# Whoever started the tests may ignore Ctrl-C, as shells have programs in the background do.
signal.signal(signal.SIGINT, signal.default_int_handler)
add = Store.add

def add_and_stop(*args, **options):
    add(*args, **options)
    os.killpg(0, signal.{signal})

Store.add = add_and_stop
main()
"""


def stopped_by(signal: str) -> tuple[str, str]:
    """Python's arguments for ``gengap`` whose process group gets a signal after its first runs.

    Start it in a session of its own, or the signal ends the tests as well.
    """
    return "-c", PROGRAM.format(signal=signal)
