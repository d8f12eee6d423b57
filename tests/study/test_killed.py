"""A killed study goes on from where it was, and its records equal an undisturbed one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from gengap.records import Store

STUDY = """
import sys
import gengap as gg

environments = gg.load_suite("linear-shift", n=60)
study = gg.Study(
    environments, ["erm", "irm", "sklearn:LogisticRegression"], seeds=3, steps=300, batch=8,
    trials=2, threads=2, jobs=1, memory=1 << 20, model="mlp(16)", store=sys.argv[1],
)
study.run(lambda now: print(now.done, flush=True))
print("complete", flush=True)
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STUDY, f"sqlite:///{path}"],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip


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
    process = start(undisturbed)
    assert process.stdout.read().endswith("complete\n")
    assert process.wait() == 0

    rng = np.random.default_rng(0)
    kills, cut_short = 0, 0
    while True:
        process = start(disturbed)
        # Wait for training to begin, so that every kill falls into it, then a random while.
        for line in process.stdout:
            if float(line) > 0:
                break
        if kills < 6:
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            cut_short += "complete" not in process.stdout.read()
            process.wait()
            kills += 1
            check = sa.create_engine(f"sqlite:///{disturbed}").connect()
            assert check.exec_driver_sql("pragma integrity_check").scalar() == "ok"
            check.close()
            continue
        assert process.stdout.read().endswith("complete\n")
        assert process.wait() == 0
        break

    assert cut_short >= 3, "too few kills fell into the training to show anything"
    expected, found = contents(undisturbed), contents(disturbed)
    assert expected.keys() == found.keys()
    for key, (predicted, probability) in expected.items():
        np.testing.assert_array_equal(found[key][0], predicted)
        np.testing.assert_array_equal(found[key][1], probability)
