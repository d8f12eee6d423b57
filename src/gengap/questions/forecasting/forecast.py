"""How well will a model do in an environment without labels? Forecasts, graded where labels are.

Each environment is left out in turn; models train on the others, and every forecaster says from the
inputs alone what they will score on it. Then its labels are looked at. The forecaster that was off
by least is trusted with new examples, and its errors make the interval.

Lines over environments (see :mod:`gengap.questions.forecasting.lines`) and the mean of held-out
environments use, when environment ``e`` is forecast, the scores of the others; the models so scored
had trained on ``e``. What that leaks is of the order of one environment in ``K``; models trained
without both would cost ``K`` times as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.environments.checks import drop_small
from gengap.environments.core import Environments
from gengap.environments.targets import refuse_several, refuse_times
from gengap.questions.forecasting.grading import (
    FEWEST,
    ErrorComparison,
    Grade,
    Selection,
    compare_errors,
    grade,
    select,
)
from gengap.questions.forecasting.held_out import held_out, measure, on_new
from gengap.questions.forecasting.measured import LINES, MEAN, SOURCE, TOLD
from gengap.questions.forecasting.new_score import new_score
from gengap.records.store import Store
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.multiple import holm
from gengap.study.resolve import ESTIMATOR_PREFIX
from gengap.study.trained import model_name, one_model
from gengap.training.inputs import brings_preparation


@dataclass(frozen=True, repr=False, eq=False)
class Forecasts(Finding):
    """Graded forecasters, and what they say of new examples.

    Attributes:
        environments: names of the environments, ``K``.
        task: ``"classification"`` (accuracies) or ``"regression"`` (mean absolute errors).
        model: what was trained, with ``seeds`` runs per environment left out.
        truth: ``(K,)`` score of the models that had not seen each environment.
        forecasts: ``(K,)`` forecasts of it, by forecaster.
        statistics: ``(K,)`` what the lines over environments are drawn from, by line.
        grades: by forecaster, smallest mean absolute error first.
        against: errors compared with "same as in training", by forecaster.
        adjusted_p: p-values of these comparisons, adjusted by Holm's method.
        selection: the best forecaster, and what choosing it is worth.
        gain: errors of the forecaster so chosen, compared with "same as in training".
        noise: expected mean absolute error of a perfect forecast, since tests are finite.
        effective_size: ``(K,)`` labelled examples that importance weighting is worth.
        distance: ``(K,)`` mean distance to the nearest labelled examples, in the model's features.
        new: forecasts of the score on the new examples, by forecaster; empty without any.
        new_rows: how many new examples there are.
        new_name: what the answer calls them.
        new_effective_size: that of the new examples, NaN without any; so ``new_distance``.
        expected: interval of the score on the new examples by the best forecaster, or None.
    """

    kind: ClassVar[str] = "forecasting"
    environments: tuple[str, ...]
    task: str
    model: str
    seeds: int
    truth: np.ndarray
    forecasts: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    grades: dict[str, Grade]
    against: dict[str, ErrorComparison]
    adjusted_p: dict[str, float]
    selection: Selection
    gain: ErrorComparison
    noise: float
    effective_size: np.ndarray
    distance: np.ndarray
    new: dict[str, float]
    new_rows: int
    new_name: str
    new_effective_size: float
    new_distance: float
    expected: Interval | None


def forecast(
    environments: Environments,
    model: Any = None,
    *,
    seeds: int = 3,
    new: Any = None,
    steps: int = 300,
    level: float = 0.95,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Forecasts:
    """Grade forecasts of the score in unseen environments, and forecast that of new examples.

    Args:
        environments: at least 3, with labels.
        model: ``"mlp"``, ``"mlp(64,64)"``, ``"linear"``, ``"cnn"``, ``"sklearn:NAME"``, an
            estimator, or a function that returns a ``torch.nn.Module``. None is gradient boosting
            for tables and ``"mlp"`` for everything else.
        seeds: runs per environment left out; forecasts by agreement need two.
        new: unlabelled examples, an array or DataFrame with the features of ``environments.X``.
        steps: training steps of a network.
        level: confidence level of all intervals.
        store: database URL or path where runs and their models are kept, and found again; None
            keeps them in memory.
        progress: called with a :class:`~gengap.base.progress.Progress`.

    Raises:
        UsageError: fewer than 3 environments, times that may end without an event, or a model or
            new examples that cannot be used.
    """
    check_level(level)
    refuse_times(environments, "gengap forecast")
    refuse_several(environments, "gengap forecast")
    environments = drop_small(environments)
    _check(environments, seeds, steps)
    model = _default(environments) if model is None else model
    prepared = not brings_preparation(model)
    study = one_model(environments, model, seeds=seeds, steps=steps, prepared_inputs=prepared)
    with Store(store if store is not None else "sqlite://") as records:
        measured = measure(study, records, new, progress)
    new_rows = 0 if new is None else len(new)
    most = 1.0 if environments.classes else math.inf
    forecasts = held_out(measured, most)
    grades = {name: grade(values, measured.truth, level) for name, values in forecasts.items()}
    # The mean of the others falls exactly as the one left out rises, whatever the data.
    by_design = Interval(math.nan, math.nan, math.nan, level, "It is -1 by construction.")
    grades[MEAN] = replace(grades[MEAN], correlation=by_design)
    grades = dict(sorted(grades.items(), key=lambda item: item[1].error.estimate))
    against = {
        name: compare_errors(forecasts[name], forecasts[SOURCE], measured.truth, level)
        for name in grades
        if name != SOURCE
    }
    adjusted = holm(np.array([comparison.p_value for comparison in against.values()]))
    selection = select(forecasts, measured.truth, level)
    said = on_new(measured, forecasts, most) if new is not None else {}
    K = len(environments.names)
    expected = None
    if said:
        expected = new_score(
            said[selection.name],
            measured.truth - forecasts[selection.name],
            rows=new_rows,
            noise=float(measured.noise.mean()),
            design=measured.design,
            level=level,
            variance=None if environments.classes else float(measured.variance.mean()),
        )
    size, distance = (np.append(measured.values[name], math.nan) for name in TOLD)
    return Forecasts(
        environments=environments.names,
        task=environments.task,
        model=model if isinstance(model, str) else model_name(study),
        seeds=seeds,
        truth=measured.truth,
        forecasts={name: forecasts[name] for name in grades},
        statistics={name: measured.values[name][:K] for name in LINES if name in forecasts},
        grades=grades,
        against=against,
        adjusted_p={name: float(p) for name, p in zip(against, adjusted, strict=True)},
        selection=selection,
        gain=compare_errors(selection.forecast, forecasts[SOURCE], measured.truth, level),
        noise=math.sqrt(2 / math.pi) * float(np.sqrt(measured.noise).mean()),
        effective_size=size[:K],
        distance=distance[:K],
        new=said,
        new_rows=new_rows,
        new_name="the new examples",
        new_effective_size=float(size[K]),
        new_distance=float(distance[K]),
        expected=expected,
    )


def _check(environments: Environments, seeds: int, steps: int) -> None:
    K = len(environments.names)
    if K < FEWEST:
        raise UsageError(
            f"Forecasts cannot be graded on {K} environments; give at least {FEWEST}, or group "
            "the rows by a finer column."
        )
    check_whole(seeds=seeds, steps=steps)


def _default(environments: Environments) -> str:
    kind = "Classifier" if environments.classes else "Regressor"
    table = environments.X.ndim == 2
    return f"{ESTIMATOR_PREFIX}HistGradientBoosting{kind}" if table else "mlp"
