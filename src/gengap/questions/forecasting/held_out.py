"""Trains models without each environment, and lets every forecaster look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gengap.base.progress import Progress
from gengap.environments.new_examples import below
from gengap.environments.parts import TRAIN
from gengap.questions.forecasting.lines import FEWEST as FEWEST_FOR_LINE
from gengap.questions.forecasting.lines import held_out_line, line
from gengap.questions.forecasting.measured import LINES, MEAN, TOLD, by_one_run, by_runs, scores
from gengap.questions.forecasting.models import Examples, Model
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import everything, train_models

NOBODY = -1  # what a model for new examples leaves out


class Measured(NamedTuple):
    """Forecasts and statistics of every environment, averaged over seeds, and the truth.

    ``values (K,)`` by name, or ``(K + 1,)`` with the new examples last; ``truth (K,)`` the scores
    of models that had not seen each environment; ``variance (K,)`` that of the score over
    examples, ``rows (K,)`` how many there are, and ``noise (K,)`` the variance of their mean, which
    examples that belong together enlarge.
    """

    values: dict[str, np.ndarray]
    truth: np.ndarray
    variance: np.ndarray
    rows: np.ndarray
    noise: np.ndarray

    @property
    def design(self) -> float:
        """How many times the variance is that of as many independent examples; at least 1."""
        alone = float((self.variance / self.rows).sum())
        return max(float(self.noise.sum()) / alone, 1.0) if alone > 0 else 1.0


def measure(
    study: Study,
    store: Store,
    new: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> Measured:
    """Train everything, and let every forecaster look at every environment.

    Args:
        study: of one model, each environment left out in turn.
        store: where its runs are kept and found again.
        new: unlabelled examples, like those of the study.
    """
    problem, classify = study.problem, bool(study.problem.classes)
    K = len(problem.names)
    own = Examples(problem.X, problem.matrix)
    asked = {k: own.rows(np.flatnonzero(problem.environment == k)) for k in range(K)}
    plan = study.plan
    if new is None:
        plan = replace(plan, cells=plan.unseen)
    else:
        asked[NOBODY] = Examples(below(problem.X, new), problem.encode_alike(new))
        plan = replace(plan, cells=(everything(plan), *plan.unseen))
    values: dict[int, list[dict[str, float]]] = {k: [] for k in asked}
    answers: dict[int, list[np.ndarray]] = {k: [] for k in asked}
    for trained in train_models(study, store, progress, plan=plan):
        seed, unseen = trained.run.seed, trained.cell.unseen
        k = problem.names.index(unseen[0]) if unseen else NOBODY
        held = np.flatnonzero(trained.cell.rows & (plan.parts(seed) != TRAIN))
        model = Model(trained)
        target = model.outputs(asked[k])
        source = model.outputs(own.rows(held))
        values[k].append(by_one_run(model, source, problem.y[held], target, seed, classify))
        answers[k].append(target.predicted)
    found = [
        {
            **{name: float(np.mean([run[name] for run in values[k]])) for name in values[k][0]},
            **by_runs(np.stack(answers[k]), classify),
        }
        for k in asked
    ]
    targets = [problem.y[problem.environment == k] for k in range(K)]
    right = [scores(np.stack(answers[k]), targets[k], classify).mean(0) for k in range(K)]
    clusters = [None if plan.clusters is None else plan.clusters[problem.environment == k]
                for k in range(K)]  # fmt: skip
    return Measured(
        {name: np.array([row[name] for row in found]) for name in found[0]},
        np.array([s.mean() for s in right]),
        np.array([s.var(ddof=1) for s in right]),
        np.array([len(s) for s in right]),
        np.array([mean_variance(s, own) for s, own in zip(right, clusters, strict=True)]),
    )


def mean_variance(scores: np.ndarray, cluster: np.ndarray | None) -> float:
    """Variance of the mean of scores ``(n,)``, of which those of a cluster are one draw.

    Args:
        scores: of examples.
        cluster: ``(n,)`` codes; None where examples are independent.
    """
    if cluster is None:
        return float(scores.var(ddof=1)) / len(scores)
    _, code = np.unique(cluster, return_inverse=True)
    added = np.bincount(code, scores - scores.mean())
    return float(np.square(added).sum()) * len(added) / max(len(added) - 1, 1) / len(scores) ** 2


def held_out(measured: Measured, most: float) -> dict[str, np.ndarray]:
    """``(K,)`` forecasts of every environment left out, by forecaster."""
    truth = measured.truth
    K = len(truth)
    found = {MEAN: (truth.sum() - truth) / (K - 1)}
    for name, values in measured.values.items():
        if name not in (*LINES, *TOLD):
            found[name] = values[:K]
        elif name in LINES and K > FEWEST_FOR_LINE:
            found[name] = held_out_line(values[:K], truth).clip(0.0, most)
    return found


def on_new(
    measured: Measured, forecasts: Mapping[str, np.ndarray], most: float
) -> dict[str, float]:
    """Every forecaster's forecast for the new examples."""
    truth, values = measured.truth, measured.values
    K = len(truth)
    said = {name: float(values[name][K]) for name in forecasts if name not in (*LINES, MEAN)}
    for name in LINES:
        if name in forecasts:
            on_line = line(values[name][:K], truth, float(values[name][K]))
            said[name] = min(max(on_line, 0.0), most)
    return {MEAN: float(truth.mean()), **said}
