"""How long do many small environments take: 160 schools of 45 pupils, each left out in turn?

    python benchmarks/schools.py [method,method,...]

Three scikit-learn methods, five seeds, 805 runs of each: one for each school and seed and five
references. Prints the seconds on two processes, the processor time of all of them together, and
what of it the estimators' own fits and answers take, measured one after another in this process;
the rest is rows, preparation, records and the report. Two cores that nobody else uses take half of
the processor time.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import gengap as gg
from gengap.training.estimators import estimator_named

SCHOOLS, PUPILS, COLUMNS, SEEDS = 160, 45, 8, 5
METHODS = "sklearn:LogisticRegression,sklearn:RidgeClassifier,sklearn:GaussianNB"
FITS = 10


def pupils() -> gg.Environments:
    """Schools whose pupils and outcomes differ a little."""
    rng = np.random.default_rng(0)
    school = np.repeat(np.arange(SCHOOLS), PUPILS)
    X = rng.normal(size=(len(school), COLUMNS))
    X += 0.3 * rng.normal(size=(SCHOOLS, COLUMNS))[school]
    level = X @ rng.normal(size=COLUMNS) + 0.5 * rng.normal(size=SCHOOLS)[school]
    y = (level + rng.normal(size=len(school)) > 0).astype(int)
    return gg.Environments.from_arrays(X, y, school)


def own_seconds(method: str, data: gg.Environments) -> float:
    """What one run's fit and answers take by themselves: three fifths of the rows, two fifths."""
    model = estimator_named(method.removeprefix("sklearn:"), "classification")
    part = np.arange(len(data)) % 5
    fitted, scored = data.X[part < 3], data.X[part >= 3]
    spent = []
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        for _ in range(FITS):
            start = time.process_time()
            made = clone(model).fit(fitted, data.y[part < 3])
            for half in np.array_split(scored, 2):  # validation and test
                made.predict(half)
                if hasattr(made, "predict_proba"):
                    made.predict_proba(half)
            spent.append(time.process_time() - start)
    return float(np.median(spent))


def processor_seconds() -> float:
    """Of this process and its children, of whom loky's live on."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return time.process_time() + total / 100


if __name__ == "__main__":
    methods = (sys.argv[1] if len(sys.argv) > 1 else METHODS).split(",")
    data = pupils()
    with tempfile.TemporaryDirectory() as folder:
        study = gg.Study(
            data, methods, seeds=SEEDS, jobs=2, plain_training=False,
            store=Path(folder) / "records.db",
        )  # fmt: skip
        start, before = time.perf_counter(), processor_seconds()
        result = study.run()
        print(result.answer)
        seconds, processor = time.perf_counter() - start, processor_seconds() - before
    runs = len(methods) * (SCHOOLS + 1) * SEEDS
    own = {name: own_seconds(name, data) for name in methods}
    fits = sum(own.values()) * runs / len(methods)
    rest = 1000 * (processor - fits) / runs
    print(f"{runs:,} runs: {seconds:.0f} s, {processor:.0f} s of processor time")
    print(f"fits and answers alone {fits:.0f} s, the rest {rest:.1f} ms a run")
    print(", ".join(f"{name} {1000 * value:.1f} ms" for name, value in own.items()))
