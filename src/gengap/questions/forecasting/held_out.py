"""Trains models without each environment, and lets every forecaster look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gengap.base.progress import Progress
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.questions.forecasting.lines import FEWEST as FEWEST_FOR_LINE
from gengap.questions.forecasting.lines import held_out_line, line
from gengap.questions.forecasting.measured import LINES, MEAN, TOLD, by_one_run, by_runs, scores
from gengap.questions.forecasting.models import Model, train_estimators, train_networks


class Measured(NamedTuple):
    """Forecasts and statistics of every environment, averaged over seeds, and the truth.

    ``values (K,)`` by name, or ``(K + 1,)`` with the new examples last; ``truth (K,)`` the scores
    of models that had not seen each environment; ``variance (K,)`` that of the score over
    examples, and ``rows (K,)`` how many there are.
    """

    values: dict[str, np.ndarray]
    truth: np.ndarray
    variance: np.ndarray
    rows: np.ndarray


def measure(
    examples: Examples,
    resolved: Any,
    seeds: int,
    steps: int,
    progress: Callable[[Progress], None] | None,
) -> Measured:
    """Train everything, and let every forecaster look at every environment."""
    e, classify = examples.environments, bool(examples.environments.classes)
    K = len(e.names)
    groups = [*range(K), *([NOBODY] if len(examples.encoded.matrix) > len(e) else [])]
    rows = {k: np.flatnonzero(e.environment == k) for k in range(K)}
    rows[NOBODY] = np.arange(len(e), len(examples.encoded.matrix))
    values: dict[int, list[dict[str, float]]] = {k: [] for k in groups}
    answers: dict[int, list[np.ndarray]] = {k: [] for k in groups}
    for seed in range(seeds):
        for k, model in _train(resolved, examples, groups, seed, seeds, steps, progress):
            own = examples.validation(k, seed)
            target = model.outputs(rows[k])
            values[k].append(
                by_one_run(model, model.outputs(own), e.y[own], target, seed, classify)
            )
            answers[k].append(target.predicted)
    found = [
        {
            **{name: float(np.mean([run[name] for run in values[k]])) for name in values[k][0]},
            **by_runs(np.stack(answers[k]), classify),
        }
        for k in groups
    ]
    right = [scores(np.stack(answers[k]), e.y[rows[k]], classify).mean(0) for k in range(K)]
    return Measured(
        {name: np.array([row[name] for row in found]) for name in found[0]},
        np.array([s.mean() for s in right]),
        np.array([s.var(ddof=1) for s in right]),
        np.array([len(s) for s in right]),
    )


def _train(
    resolved: Any,
    examples: Examples,
    groups: list[int],
    seed: int,
    seeds: int,
    steps: int,
    progress: Callable[[Progress], None] | None,
) -> Iterator[tuple[int, Model]]:
    def tell(share: float) -> None:
        if progress is not None:
            done = (seed + share) * len(groups)
            progress(Progress(done, seeds * len(groups), f"seed {seed}"))

    tell(0.0)
    if not hasattr(resolved, "fit"):
        yield from train_networks(resolved, examples, groups, seed, steps, tell)
        return
    for done, trained in enumerate(train_estimators(resolved, examples, groups, seed), start=1):
        yield trained
        tell(done / len(groups))


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
