"""A killed study goes on from where it was, and its records equal an undisturbed one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from gengap.records.store import Store

# Dies a number of seconds after it first tells of its progress; told none, it goes on to the end.
STUDY = """
import os, signal, sys, threading
import gengap as gg

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def tell(now):
    if now.done > 0 and (seconds := sys.argv.pop() if len(sys.argv) > 2 else None):
        threading.Timer(float(seconds), die).start() if float(seconds) else die()

environments = gg.load_suite("linear-shift", n=60)
study = gg.Study(
    environments, ["erm", "irm", "sklearn:LogisticRegression"], seeds=3, steps=300, batch=8,
    trials=2, threads=2, jobs=1, memory=1 << 20, model="mlp(16)", store=sys.argv[1],
)
study.run(tell)
print("complete", flush=True)
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def completes(path: Path, *seconds: float) -> bool:
    """Run the study, to the end or until it is killed; whether it came to the end."""
    done = subprocess.run(
        [sys.executable, "-c", STUDY, f"sqlite:///{path}", *map(str, seconds)],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL)
    return done.stdout.endswith("complete\n")


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
