"""A killed study goes on from where it was, and its records equal an undisturbed one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from gengap.records.store import Store

# Forks a process a line, each of which runs the study and is killed a number of seconds after it
# first tells of its progress; told none, it goes on to the end. What is imported is imported once.
STUDIES = """
import os, signal, sys, threading
import sklearn.linear_model, torch
import gengap as gg

environments = gg.load_suite("linear-shift", n=60)

def run(store, *seconds):
    left = list(map(float, seconds))

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def tell(now):
        if now.done > 0 and left:
            threading.Timer(after, die).start() if (after := left.pop()) else die()

    gg.Study(
        environments, ["erm", "irm", "sklearn:LogisticRegression"], seeds=3, steps=300, batch=8,
        trials=2, threads=2, jobs=1, memory=1 << 20, model="mlp(16)", store=store,
    ).run(tell)

gg.Study(environments, ["erm", "sklearn:LogisticRegression"], model="mlp(16)").validate()
for line in sys.stdin:
    child = os.fork()
    if not child:
        run(*line.split())
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@contextmanager
def studies() -> Iterator[Callable[..., bool]]:
    """Yields what runs the study on a store, to the end or until it is killed: did it get there?"""
    with subprocess.Popen(
        [sys.executable, "-c", STUDIES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=ENVIRONMENT,
    ) as process:  # fmt: skip

        def completes(path: Path, *seconds: float) -> bool:
            process.stdin.write(" ".join([f"sqlite:///{path}", *map(str, seconds)]) + "\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            assert code in (0, -signal.SIGKILL)
            return code == 0

        yield completes
        process.stdin.close()


def contents(path: Path) -> dict[tuple, tuple[np.ndarray, ...]]:
    """Every outcome in the store by run key, part and step."""
    with Store(f"sqlite:///{path}", create=False) as store:
        keys = [stored.run.key for stored in store.runs()]
        found = {}
        for part in ("validation", "test"):
            for (key, step), outcome in store.outcomes(keys, part).items():
                found[key, part, step] = (outcome.predicted, outcome.true_probability)
    return found


def test_kill_and_resume_until_done(tmp_path):
    undisturbed, disturbed = tmp_path / "undisturbed.db", tmp_path / "disturbed.db"
    with studies() as completes:
        assert completes(undisturbed)
        rng = np.random.default_rng(0)
        # Three kills as soon as training has begun, on any machine; three more some time into it.
        for seconds in (0, 0, 0, *rng.uniform(0, 0.3, 3).round(3)):
            assert not completes(disturbed, seconds) or seconds
            check = sa.create_engine(f"sqlite:///{disturbed}").connect()
            assert check.exec_driver_sql("pragma integrity_check").scalar() == "ok"
            check.close()
        assert completes(disturbed)
    expected, found = contents(undisturbed), contents(disturbed)
    assert expected.keys() == found.keys()
    for key, (predicted, probability) in expected.items():
        np.testing.assert_array_equal(found[key][0], predicted)
        np.testing.assert_array_equal(found[key][1], probability)
