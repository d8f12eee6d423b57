"""Metrics by the names that users and records write."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing, suggest, unknown
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study import keys
from gengap.study.metrics import (
    BINS_SET,
    METRICS,
    QUANTILE_SET,
    Metric,
    calibration_error,
    each_environment,
    quantile,
)
from gengap.study.scorers import check_fits, own_metric, scorer_metric
from gengap.study.scorers import metric as metric_of

# Other names that people know them by, in lower case; scikit-learn's scorers among them.
ALIASES = {
    "roc_auc": "auroc",
    "auc": "auroc",
    "roc_auc_ovr": "auroc",
    "ap": "average_precision",
    "auprc": "average_precision",
    "brier_score": "brier",
    "neg_brier_score": "brier",
    "neg_log_loss": "log_loss",
    "nll": "log_loss",
    "cross_entropy": "log_loss",
    "ece": "calibration_error",
    "expected_calibration_error": "calibration_error",
    "mae": "absolute_error",
    "mean_absolute_error": "absolute_error",
    "neg_mean_absolute_error": "absolute_error",
    "mse": "squared_error",
    "mean_squared_error": "squared_error",
    "neg_mean_squared_error": "squared_error",
    "root_mean_squared_error": "rmse",
    "neg_root_mean_squared_error": "rmse",
    "pinball": "quantile",
    "kappa": "quadratic_kappa",
    "qwk": "quadratic_kappa",
    "c_index": "concordance",
}


def metric_named(name: str) -> Metric:
    """Look a metric up by the name that records hold, a user's own among them.

    Raises:
        UsageError: there is none of that name.
    """
    found = _built_in(name) or own_metric(name) or scorer_metric(name)
    if found is None:
        raise unknown(f"There is no metric {name!r}", name, METRICS)
    return found


def metric_for(wanted: Any, task: str, classes: int = 0) -> Metric:
    """The metric that somebody wants of a target; None gives the first of :data:`keys.METRICS`.

    Args:
        wanted: a name, an alias or a scorer's name of scikit-learn; a :class:`Metric`; or a
            function (:func:`gengap.study.scorers.metric`).
        task: the kind of target.
        classes: how many the target has.

    Raises:
        UsageError: there is none of that name, or it is for another kind of target.
    """
    fitting = keys.METRICS[task]
    if wanted is None:
        return METRICS[fitting[0]]
    if not isinstance(wanted, str):
        return metric_of(wanted)
    if found := own_metric(wanted):
        return found
    found = _built_in(wanted) or (scorer_metric(wanted) if task != "score" else None)
    if found is None:
        raise UsageError(
            f"There is no metric {wanted!r}{suggest(wanted, [*METRICS, *ALIASES])} "
            f"(for {task}: {listing(fitting)})."
        )
    own = found.name.partition(":")[0]
    if own not in METRICS:
        check_fits(found, task, fitting, classes)
    elif own not in fitting:
        of = next(kind for kind, names in keys.METRICS.items() if own in names)
        raise UsageError(
            f"The metric {own} is for {of}, but the target is a {task}; "
            f"use one of {listing(fitting)}."
        )
    return found


def _built_in(wanted: str) -> Metric | None:
    """A metric of :data:`METRICS` by its name or another, set to what follows a colon."""
    bare, colon, value = wanted.strip().partition(":")
    name = bare if bare in METRICS else ALIASES.get(bare.lower().replace("-", "_"), bare.lower())
    metric = METRICS.get(name)
    if metric is None or not colon:
        return metric
    if not metric.set_to:
        raise UsageError(f"The metric {name} takes nothing after a colon; write {name}.")
    number = _number(value)
    if name == "quantile":
        if not 0 < number < 1:
            raise UsageError(f"quantile is set to {value!r}; give {QUANTILE_SET}.")

        def pinball(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
            return quantile(outcome, examples, problem, number)

        return replace(metric, name=f"quantile:{number:g}", per_example=pinball)
    if not 1 <= number <= 1000 or number != round(number):
        raise UsageError(f"calibration_error is set to {value!r}; give {BINS_SET}.")

    def error(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
        return calibration_error(outcome, examples, problem, int(number))

    named = replace(metric, name=f"calibration_error:{number:g}", per_example=error)
    return each_environment(named)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
