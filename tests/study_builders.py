"""Small problems and studies, and readers of a store's raw records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

import gengap as gg
from gengap.environments.splits import NamedSplit, parse_splits
from gengap.records.run import FinishedRun, Outcome, Problem, Run
from gengap.records.store import Store
from gengap.records.studies import add_execution
from gengap.records.study import Execution, Units
from gengap.study.cells import cells_of
from gengap.study.plan import Entry, Plan, write_plan
from gengap.study.problem_records import problem_record, units_record
from gengap.study.result import Result


def wards(
    sizes: Sequence[int] = (40, 40, 40, 40), classes: int = 3, seed: int = 0, factors: Any = None
) -> gg.Environments:
    """Environments a, b, c, ... of a noisy linear problem whose weights differ a little.

    ``classes`` 0 gives regression. Rows are shuffled, so that environments are not blocks.
    """
    rng = np.random.default_rng(seed)
    code = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = rng.normal(size=(len(code), 4)) + 0.4 * code[:, None]
    weights = rng.normal(size=4) + 0.8 * rng.normal(size=(len(sizes), 4))
    signal = (X * weights[code]).sum(1) + 0.5 * rng.normal(size=len(code))
    y: np.ndarray = signal
    if classes:
        y = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1]))
    task = "classification" if classes else "regression"
    names = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGH"))[code]
    return gg.Environments.from_arrays(X, y, names, task=task, factors=factors)


def by_year(sizes: Sequence[int] = (40, 40, 40, 40), classes: int = 3) -> gg.Environments:
    """Wards with a factor ``year`` from 0 to 9 in every ward, and one ``mark`` per class.

    ``mark`` names the class in three of five rows, so that its correlation can be turned round.
    """
    plain = wards(sizes, classes)
    rng = np.random.default_rng(1)
    n = len(plain)
    names = np.asarray(plain.names)[plain.environment]
    other = (plain.y + 1) % max(classes, 1)
    mark = np.where(rng.random(n) < 0.6, plain.y, other)
    factors = pd.DataFrame({"year": rng.integers(0, 10, n), "mark": mark})
    return gg.Environments.from_arrays(plain.X, plain.y, names, task=plain.task, factors=factors)


def study(environments: gg.Environments, methods: Sequence[Any] = ("erm",), **settings: Any):
    """A study small enough to train in about a second."""
    defaults: dict[str, Any] = {
        "seeds": 2, "steps": 12, "batch": 8, "model": "mlp(8)", "threads": 1, "jobs": 1,
    }  # fmt: skip
    return gg.Study(environments, methods, **{**defaults, **settings})


def plan_of(
    environments: gg.Environments,
    splits: Any = "leave-one-out",
    *,
    inner: bool = False,
    trials: Sequence[dict[str, Any]] = ({"learning_rate": 0.1},),
    seeds: Sequence[int] = (0, 3),
) -> Plan:
    """A plan of one linear method, ``erm``; ``splits`` may be a splitter or empty."""
    splitter = parse_splits(splits) if isinstance(splits, str) else splits
    return Plan(
        name="planned",
        problem=problem_record(environments),
        units=units_record(environments),
        entries=(Entry("erm", tuple(trials), model="linear"),),
        cells=cells_of(environments, splitter.iterate(environments) if splitter else (), inner),
        seeds=tuple(seeds),
        metric="accuracy",
    )


@dataclass(frozen=True)
class Rows:
    """What cells ask of a problem: environment codes ``(n,)`` and names."""

    environment: np.ndarray
    names: tuple[str, ...]


def recorded(
    store: Store,
    problem: Problem,
    units: Units,
    predict: Callable[[Run], Mapping[int, np.ndarray]],
    *,
    methods: Sequence[str] = ("erm", "irm"),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    trials: int = 1,
    selection: str = "last-step",
) -> Result:
    """A study leaving out each environment, carried out with invented predictions.

    Args:
        predict: predictions ``(n,)`` of a run for every unit, by step.
    """
    own = {name: units.environment == k for k, name in enumerate(problem.environments)}
    splits = [NamedSplit(n, np.flatnonzero(~m), np.flatnonzero(m)) for n, m in own.items()]
    entries = [Entry(m, tuple({"penalty": t} for t in range(trials)), model="m") for m in methods]
    plan = Plan(
        name=problem.name,
        problem=problem,
        units=units,
        entries=tuple(entries),
        cells=cells_of(Rows(units.environment, problem.environments), splits),
        seeds=tuple(seeds),
        metric="accuracy" if problem.task == "classification" else "squared_error",
        selection=selection,
        about={"trials": trials, "steps": 2, "batch": 1, "model": "m", "splits": "auto"},
    )
    write_plan(plan, store)
    for run, _ in (planned for method in methods for planned in plan.runs[method]):
        outcomes = [
            Outcome(step, part, codes[plan.example_set(run.seed, part).example])
            for step, codes in predict(run).items()
            for part in ("validation", "test")
        ]
        store.add([FinishedRun(run, tuple(outcomes), 1.0, 2.0, 60)])
    execution = Execution(plan.record.key, datetime.now(UTC))
    add_execution(store, execution, {})
    return Result(plan, store, execution)


def contents(store: Store) -> dict[tuple[str, str, int], tuple[np.ndarray, ...]]:
    """Every outcome in a store by run key, part and step."""
    keys = [stored.run.key for stored in store.runs()]
    return {
        (key, part, step): (outcome.predicted, outcome.true_probability)
        for part in ("validation", "test")
        for (key, step), outcome in store.outcomes(keys, part).items()
    }


def assert_same_contents(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for key, columns in first.items():
        for mine, yours in zip(columns, second[key], strict=True):
            np.testing.assert_array_equal(mine, yours)


def small_study(path, methods=("erm", "sklearn:LogisticRegression"), **options) -> gg.Study:
    rng = np.random.default_rng(5)
    where = np.repeat(["a", "b", "c"], 60)
    X = rng.normal(size=(180, 3))
    y = (X[:, 0] + (where == "c") * X[:, 1] + rng.normal(0, 0.5, 180) > 0).astype(int)
    data = gg.Environments.from_arrays(X, y, where, name="toy")
    return gg.Study(data, methods, seeds=2, steps=20, model="linear", store=path, **options)
