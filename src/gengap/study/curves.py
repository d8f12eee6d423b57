"""Training curves: scores inside and outside, and norms, against the steps taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gengap.records.run import ExampleSet, Outcome, Part, Run
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.statistics.bootstrap import student_interval
from gengap.study.plan import Plan
from gengap.study.scores import Scores

TRAIN, INSIDE, UNSEEN = "train", "in distribution", "unseen"
PARTS: dict[str, Part] = {TRAIN: "train", INSIDE: "validation", UNSEEN: "test"}


@dataclass(frozen=True)
class Curve:
    """One quantity of one method along training, over the splits and seeds of a study.

    Attributes:
        method: its name, with default hyperparameters.
        name: ``"train"`` (the rows trained on), ``"in distribution"`` (validation parts of the
            training environments), ``"unseen"`` (test parts of the unseen ones), each a score;
            or ``"gradient_norm"``, ``"weight_norm"``.
        steps: ``(n,)``.
        mean: ``(n,)`` over splits, then over seeds.
        low, high: ``(n,)`` 95% interval of the mean over seeds, NaN for a single one.
    """

    method: str
    name: str
    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def training_curves(plan: Plan, store: Store, readers: Mapping[str, Scores]) -> list[Curve]:
    """The curves of a study's networks; estimators, which take no steps, have none.

    Scores of the training part and norms are there where the study noted them.

    Args:
        plan, store: the study and its records.
        readers: the reader of each method's runs.
    """
    found: list[Curve] = []
    for method, scores in readers.items():
        if runs := networks_of(plan, method):
            found += _of_method(plan, store, scores, runs)
    return found


def _of_method(
    plan: Plan, store: Store, scores: Scores, runs: list[tuple[Run, Cell]]
) -> list[Curve]:
    values: dict[str, dict[int, dict[int, list[float]]]] = {}
    seeds = {run.key: run.seed for run, _ in runs}

    def note(name: str, step: int, seed: int, value: float) -> None:
        values.setdefault(name, {}).setdefault(step, {}).setdefault(seed, []).append(value)

    for name, by_run in scores_along(store, scores, runs).items():
        for key, own in by_run.items():
            for step, score in own.items():
                note(name, step, seeds[key], score)
    for (key, name), (steps, noted) in store.curves(list(seeds)).items():
        for step, value in zip(steps, noted, strict=True):
            note(name, int(step), seeds[key], float(value))
    return [_curve(scores, name, by_step) for name, by_step in values.items()]


def networks_of(plan: Plan, method: str) -> list[tuple[Run, Cell]]:
    """A method's runs that take steps, with default hyperparameters, one per split and seed."""
    return [
        (run, cell)
        for run, cell in plan.runs[method]
        if cell.role == "unseen" and run.trial == 0 and run.model and "of" not in run.settings
    ]


def scores_along(
    store: Store, scores: Scores, runs: list[tuple[Run, Cell]]
) -> dict[str, dict[str, dict[int, float]]]:
    """Scores at each step by curve and by key of the run, steps where it is undefined left out."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    by_key = {run.key: (run, cell) for run, cell in runs}
    for name, part in PARTS.items():
        read = store.outcomes(list(by_key), part, scores=scores.metric.scores)
        for (key, step), outcome in sorted(read.items()):
            run, cell = by_key[key]
            score = _score(scores, cell, run.seed, part, outcome)
            if not np.isnan(score) or scores.metric.averages:
                found.setdefault(name, {}).setdefault(key, {})[step] = score
    return found


def _score(scores: Scores, cell: Cell, seed: int, part: Part, outcome: Outcome) -> float:
    """Mean score of a run on the rows that a curve is about, its environments weighing equally."""
    plan = scores.plan
    if part == "train":
        rows = np.concatenate(plan.training_rows(cell, seed))
        examples = ExampleSet(rows, plan.units.environment[rows], plan.units.target[rows])
        mask = np.ones(len(plan.units), bool)
    else:
        examples = scores.examples(seed, part)
        mask = cell.rows if part == "validation" else cell.held_out
    return scores.mean_over_environments(outcome, examples, mask)


def _curve(scores: Scores, name: str, by_step: dict[int, dict[int, list[float]]]) -> Curve:
    method, seeds = scores.method, scores.plan.seeds
    steps = np.array(sorted(by_step))
    seeds = tuple(s for s in seeds if all(s in own for own in by_step.values()))
    table = np.array([[np.mean(by_step[step][seed]) for seed in seeds] for step in sorted(by_step)])
    share = name in (TRAIN, INSIDE, UNSEEN)
    low, high = over_seeds(table, scores.metric.limits if share else (-np.inf, np.inf))
    return Curve(method, name, steps, table.mean(1), low, high)


def over_seeds(table: np.ndarray, limits: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """95% intervals of means over seeds, of ``(n, S)``; NaN where there is one seed, or a NaN.

    Args:
        limits: of the values, which intervals do not pass.
    """
    nothing = np.full(len(table), np.nan)
    if table.shape[1] < 2 or not np.isfinite(table).all():
        return nothing, nothing
    found = [student_interval(row) for row in table]
    low, high = (np.clip([getattr(i, end) for i in found], *limits) for end in ("low", "high"))
    return low, high
