"""The examples run as their first line says, and their tables are what the scripts write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))


def run(script: str, folder: Path) -> str:
    """Run a copy of an example, so that what it writes lands beside the copy."""
    shutil.copy(EXAMPLES / script, folder)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(folder / script)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_says_how_it_is_run(script: str):
    assert f"python examples/{script} - " in (EXAMPLES / script).read_text().splitlines()[0]


def test_patients_are_what_their_script_writes(tmp_path: Path):
    run("make_patients.py", tmp_path)
    for table in ("patients.csv", "new_hospital.csv"):
        assert (tmp_path / table).read_text() == (EXAMPLES / table).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("guard.py", "loaded guard decides alike: True"),
        ("your_own_model.py", "cost_of_unseen"),
        ("your_own_network.py", "cost_of_unseen"),
        ("your_own_problem.py", "plain training"),
    ],
)
def test_runs(script: str, says: str, tmp_path: Path):
    assert says in run(script, tmp_path)
