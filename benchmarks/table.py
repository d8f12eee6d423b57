"""Does a table of a million rows run in 4 GiB?

    python benchmarks/table.py [rows]

Writes a CSV of 30 columns (numbers with missing values, categories) and five environments to a
temporary folder, runs plain training and two scikit-learn estimators on it with one seed, and
prints the seconds and the peak memory of all processes together, sampled five times a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

METHODS = "erm,sklearn:LogisticRegression,sklearn:HistGradientBoostingClassifier"


def write_table(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, np.ndarray] = {f"x{k}": rng.normal(size=rows).round(4) for k in range(24)}
    columns["x3"][rng.random(rows) < 0.05] = np.nan
    for k in range(4):
        columns[f"category {k}"] = rng.choice(list("abcdefgh"), rows)
    columns["place"] = rng.choice(["north", "south", "east", "west", "centre"], rows)
    chance = 1 / (1 + np.exp(-(columns["x0"] - columns["x1"] + 0.5 * columns["x2"])))
    columns["outcome"] = np.where(rng.random(rows) < chance, "yes", "no")
    pd.DataFrame(columns).to_csv(path, index=False)


def resident(pid: int) -> int:
    """Bytes of a process and its descendants; pages they share count once per process."""
    total = 0
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        try:
            statm = Path(f"/proc/{process}/statm").read_text().split()
            children = Path(f"/proc/{process}/task/{process}/children").read_text()
        except OSError:
            continue
        total += int(statm[1]) * 4096
        waiting += map(int, children.split())
    return total


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, rows)
        print(f"{rows:,} rows x 30 columns, {path.stat().st_size / 2**20:.0f} MiB of CSV")
        command = [
            sys.executable, "-m", "gengap.cli", "run", str(path), "--target", "outcome",
            "--environment", "place", "--methods", METHODS, "--seeds", "1",
            "--out", str(Path(folder) / "out"),
        ]  # fmt: skip
        start, peak = time.perf_counter(), 0
        process = subprocess.Popen(command)
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        print(f"{seconds:.0f} s, peak {peak / 2**30:.2f} GiB, exit code {process.returncode}")
