"""Thousands of hostile inputs, each in a process of its own: ``python tests/fuzz/many.py 10000``.

Every command must end within 60 s and 4 GB, with exit code 0 or with 2 and one sentence. What does
not is counted and listed with the number that makes it again: ``many.py --again KIND NUMBER``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from hostile_commands import databases, flags, special, study_files
from hostile_files import arrays, formats, images, parquet, tables
from hostile_questions import questions
from hostile_values import good_table

SECONDS, BYTES = 60, 4 << 30
KINDS: dict[str, Callable[..., list[str]]] = {
    "tables": tables, "parquet": parquet, "arrays": arrays, "images": images, "special": special,
    "study_files": study_files, "flags": flags, "databases": databases, "formats": formats,
    "questions": questions,
}  # fmt: skip

OF_RECORDS = ("databases", "questions")


def case(kind: str, number: int, folder: Path, records: Path | None = None) -> list[str]:
    """Write the files of a case into a folder and return the command's arguments."""
    draw = np.random.default_rng([number, *kind.encode()])
    make = KINDS[kind] if kind not in OF_RECORDS else partial(KINDS[kind], whole=records)
    return make(draw, folder)


def records_of_a_study(folder: Path) -> Path:
    """The records of a small study, to be damaged."""
    from gengap.cli import app

    good_table(np.random.default_rng(0), classes=True).to_csv(folder / "good.csv", index=False)
    command = ["run", str(folder / "good.csv"), "--target", "y", "--environment", "h", "--seeds",
    "2",
               "--steps", "3", "--model", "linear", "--threads", "1", "--jobs", "1", "--curves",
               "--methods", "erm,sklearn:LogisticRegression",
               "--out", str(folder), "--quiet", "--keep-models", "all"]  # fmt: skip
    app(command, standalone_mode=False)
    return folder / "records.db"


def outcome(kind: str, number: int, records: Path) -> tuple[str, str]:
    """Run one case in a fork of this process: what came of it, and what it printed."""
    folder = Path(tempfile.mkdtemp(prefix="gengap-fuzz-"))
    printed = folder / "printed"
    child = os.fork()
    if child == 0:
        _run(kind, number, folder, records, printed)
    end = time.monotonic() + SECONDS
    while (found := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.wait4(child, 0)
            return "hang", str(_command(kind, number, records))
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it left running
    _, status, used = found
    text = printed.read_text(errors="replace") if printed.exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    if used.ru_maxrss * 1024 > BYTES:
        return "memory", text[-500:]
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 2) or "Traceback (most recent" in text:
        return "traceback", text[-3000:]
    return ("done" if code == 0 else "refused"), text


def _command(kind: str, number: int, records: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        return case(kind, number, Path(folder), records)


def _run(kind: str, number: int, folder: Path, records: Path, printed: Path) -> None:
    """What the child does; it never returns."""
    os.setsid()
    code = 99
    try:
        resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        out = os.open(printed, os.O_WRONLY | os.O_CREAT)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.chdir(folder)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        arguments = case(kind, number, folder, records)
        from gengap.cli import app

        sys.argv = ["gengap", *arguments]
        app(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def preload() -> None:
    """Import once what every case needs."""
    from gengap.detectors.registry import detectors
    from gengap.environments.suites import suites
    from gengap.methods.registry import methods

    detectors(), methods(), suites(), warnings.simplefilter("ignore")


def main() -> None:
    """Run the cases and print the counts."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("count", nargs="?", type=int, default=10_000)
    ask.add_argument("--kinds", default=",".join(KINDS))
    ask.add_argument("--first", type=int, default=0)
    ask.add_argument("--again", nargs=2, metavar=("KIND", "NUMBER"))
    ask.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = ask.parse_args()
    preload()
    with tempfile.TemporaryDirectory() as home:
        records = records_of_a_study(Path(home))
        if asked.again:
            print(_command(asked.again[0], int(asked.again[1]), records))
            print(*outcome(asked.again[0], int(asked.again[1]), records), sep="\n")
            return
        names = asked.kinds.split(",")
        cases = [(names[k % len(names)], asked.first + k) for k in range(asked.count)]
        counts: Counter[tuple[str, str]] = Counter()
        with ThreadPoolExecutor(asked.jobs) as pool:
            results = pool.map(lambda each: outcome(*each, records), cases)
            for (kind, number), (what, text) in zip(cases, results, strict=True):
                counts[kind, what] += 1
                if what in ("traceback", "hang", "memory"):
                    print(f"--- {what}: {kind} {number}\n{text}", flush=True)
    ends = ("done", "refused", "traceback", "hang", "memory")
    print(f"{'':12}" + "".join(f"{end:>10}" for end in ends))
    for kind in names:
        print(f"{kind:12}" + "".join(f"{counts[kind, end]:10,}" for end in ends))
    bad = {end: sum(counts[kind, end] for kind in names) for end in ends[2:]}
    print(f"{asked.count:,} inputs: {bad['traceback']} tracebacks, {bad['hang']} hangs over "
          f"{SECONDS} s, {bad['memory']} over 4 GB.")  # fmt: skip
    sys.exit(any(bad.values()))


if __name__ == "__main__":
    main()
