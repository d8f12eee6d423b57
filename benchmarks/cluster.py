"""What do an executor's chunks cost, and what does a second worker win?

    python benchmarks/cluster.py             about two minutes
    python benchmarks/cluster.py --json      the figures alone, for docs/cluster.md

Everything runs on this machine: its own threads and processes, a Ray and a Dask cluster of two
workers, where they are installed. Measured for each:

1. the seconds until it is open and has run its first chunk, imports included;
2. the overhead of a chunk: what one that trains nothing takes, among many;
3. the speed of two workers over one in a study whose runs take a process and a quarter of a second
   each, from the first run to the last record: runs that compute, and runs that wait. The first
   tells of this machine as well, whose processors others may be using; the second of the executor
   alone.

And of the records of a study of digits-writers, in SQLite: rows and bytes of a run, and the time to
record it.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sklearn.base import BaseEstimator, ClassifierMixin

import gengap as gg
from gengap.records.store import Store
from gengap.study.chunks import Trainer, cut, record, train_chunk
from gengap.study.plan import write_plan
from gengap.training.executors import executor_named
from gengap.training.workers import Workers

CHUNKS, REPEATS = 300, 3
# Seconds of a run in the comparison of one worker with two, and runs of a study: 4 per seed.
WORK, SEEDS = 0.25, 6


class Timed(ClassifierMixin, BaseEstimator):
    """Takes a time to fit, of the clock or of the processor, and predicts the first class."""

    def __init__(self, seconds: float = WORK, computes: bool = False) -> None:
        self.seconds, self.computes = seconds, computes

    def fit(self, X: np.ndarray, y: np.ndarray) -> Timed:
        clock = time.process_time if self.computes else time.perf_counter
        end = clock() + self.seconds
        while (left := end - clock()) > 0:
            if self.computes:
                sum(range(1000))
            else:
                time.sleep(left)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X), int)


def nothing(_: Any) -> None:
    """A chunk that trains nothing."""


@contextmanager
def cluster(name: str, count: int) -> Iterator[str]:
    """The name of an executor of so many workers on this machine."""
    if name == "dask":
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as here:
            yield here.scheduler_address.replace("tcp://", "dask://")
    elif name == "ray":
        from gengap.training.ray_executor import connected

        with connected(name, count):
            yield name
    else:
        yield name


def overhead(workers: Workers, value: Any) -> float:
    """Seconds of a chunk that trains nothing, among many."""
    shared = workers.share(value)
    workers.submit(nothing, shared).result()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        wait([workers.submit(nothing, shared) for _ in range(CHUNKS)])
        seconds.append((time.perf_counter() - start) / CHUNKS)
    return statistics.median(seconds)


def rate(name: str, count: int, computes: bool) -> float:
    """Runs a second of a study whose runs take a process each."""
    X = np.random.default_rng(0).normal(size=(90, 3))
    environments = gg.Environments.from_arrays(X, np.arange(90) % 2, np.repeat(list("abc"), 30))

    def seconds(estimator: Timed, seeds: int) -> float:
        study = gg.Study(
            environments, [estimator], seeds=seeds, plain_training=False, model="linear",
            jobs=count, threads=count, executor=name, keep_models="none",
        )  # fmt: skip
        seen: list[tuple[float, float]] = []
        study.run(lambda now: seen.append((now.done, time.perf_counter()))).store.close()
        return next(at for done, at in seen if done == seen[-1][0]) - seen[0][1]

    seconds(Timed(0.01), 2 * count)  # workers import what they need
    return 4 * SEEDS / seconds(Timed(computes=computes), SEEDS)


def executors() -> dict[str, dict[str, float]]:
    """Every executor that is installed."""
    found: dict[str, dict[str, float]] = {}
    value = gg.load_suite("digits-writers")
    for name, package in {
        "threads": "",
        "processes": "",
        "dask": "distributed",
        "ray": "ray",
    }.items():
        if package and find_spec(package) is None:
            continue
        start = time.perf_counter()
        with cluster(name, 2) as at:
            with executor_named(at, 2) as workers:
                workers.submit(nothing, workers.share(value)).result()
                own = {"seconds_to_first_chunk": time.perf_counter() - start}
                own["seconds_a_chunk"] = overhead(workers, value)
            if name != "threads":  # no process each
                two = [rate(at, 2, computes) for computes in (False, True)]
        if name != "threads":
            with cluster(name, 1) as at:
                one = [rate(at, 1, computes) for computes in (False, True)]
            for label, fast, slow in zip(("waiting", "computing"), two, one, strict=True):
                own[f"speed_of_two_{label}"] = fast / slow
        found[name] = own
        if "--json" not in sys.argv:
            print(line(name, own), flush=True)
    return found


def line(name: str, own: dict[str, float]) -> str:
    """What was measured of an executor, for people."""
    said = (
        f"{name:10s} first chunk after {own['seconds_to_first_chunk']:5.1f} s, "
        f"{1000 * own['seconds_a_chunk']:5.2f} ms a chunk"
    )
    if "speed_of_two_waiting" in own:
        said += (
            f"; two workers are {own['speed_of_two_waiting']:.2f}x as fast as one where runs wait, "
            f"{own['speed_of_two_computing']:.2f}x where they compute"
        )
    return said


def records(seeds: int = 2) -> dict[str, float]:
    """Rows and bytes of a run of digits-writers in SQLite, and the seconds to record it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        settings: dict[str, Any] = {"steps": 60, "keep_models": "none", "store": path}
        suite = gg.load_suite("digits-writers")
        sizes = []
        for count in (seeds, 2 * seeds):
            study = gg.Study(suite, ["erm"], seeds=count, **settings)
            study.run().store.close()
            sizes.append(path.stat().st_size)
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            runs, rows = (
                connection.exec_driver_sql(f"select count(*) from {table}").scalar() or 0
                for table in ("gengap_runs", "gengap_outcomes")
            )
        engine.dispose()
        # A chunk of runs into a store that holds their plan, as the driver records it.
        study = gg.Study(suite, ["erm"], seeds=5, steps=3, keep_models="none")
        trainer = Trainer(study.plan, study._work)
        found = train_chunk(
            trainer, cut(study.plan, study._work, study.plan.entries[0], 1 << 29)[0]
        )
        with Store(Path(folder) / "again.db") as store:
            write_plan(study.plan, store)
            start = time.perf_counter()
            record(store, study._work, found)
            seconds = time.perf_counter() - start
    return {
        "runs_a_chunk": len(found),
        "seconds_to_record_a_run": seconds / len(found),
        "outcome_rows_a_run": rows / runs,
        "bytes_a_run": (sizes[1] - sizes[0]) / (runs / 2),
        "units": float(len(suite)),
    }


def main() -> None:
    figures: dict[str, Any] = {"executors": executors(), "records": records()}
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=2))
        return
    held = figures["records"]
    milliseconds = 1000 * held["seconds_to_record_a_run"]
    print(
        f"records: {1 + held['outcome_rows_a_run']:.0f} rows and "
        f"{held['bytes_a_run'] / 1024:.1f} KiB a run of digits-writers "
        f"({held['units']:.0f} units), {milliseconds:.2f} ms to record it in a chunk of "
        f"{held['runs_a_chunk']:.0f}"
    )


if __name__ == "__main__":
    main()
