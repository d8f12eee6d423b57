"""Grades forecasts: each environment plays the unlabelled one, then its labels are looked at.

A forecaster gives ``f_e`` for the environment left out and the labels say ``a_e``; its errors are
``d_e = a_e - f_e``. Environments are the unit, so ``K`` of them give ``K`` errors, whatever their
examples. From these come the mean absolute error and the bias with Student's intervals, Spearman's
correlation of ``f`` with ``a``, and the interval of a new environment's measured score,

    f + mean(d) +- t_{K-1} s sqrt(1 + 1/K),        s^2 the variance of the d_e,

Student's prediction interval, centred on the forecast corrected by its bias. Two forecasters are
compared on the same environments: Student's test of ``|d_e| - |d'_e|``.

*Correlation.* For Spearman's ``r``, Fisher's ``z = atanh(r)`` has variance near
``(1 + r^2 / 2) / (K - 3)`` (D. Bonett & T. Wright, Psychometrika 65 (2000), 23-28).

*Choosing.* The best of many forecasters looks better than it is. :func:`select` therefore also
leaves each environment out of the choice: the forecaster, its correction and its interval come
from the others, and are graded on the one left. Errors of an environment hold the noise of its own
finite test set, which no forecaster can foresee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from gengap.base.errors import UsageError
from gengap.statistics.intervals import (
    Interval,
    check_level,
    p_value,
    quantile,
    satterthwaite,
    student,
    student_mean,
)

FEWEST = 3
FEW = 6
FEW_NOTE = "Fewer than 6 environments: the interval trusts their errors to be normal."
CONSTANT = "Forecasts or scores do not differ, so they cannot be ranked."


@dataclass(frozen=True)
class Grade:
    """How one forecaster did on environments it had no labels of.

    Attributes:
        error: mean absolute error, in the unit of the score.
        bias: mean of truth minus forecast; negative for forecasts that promise too much.
        correlation: Spearman's, of forecast and truth over environments.
        worst: largest absolute error.
        coverage: share of environments inside the interval made from the errors on the others.
    """

    error: Interval
    bias: Interval
    correlation: Interval
    worst: float
    coverage: float


@dataclass(frozen=True, repr=False)
class ErrorComparison(Interval):
    """Mean difference of absolute errors, forecaster less reference; negative is better."""

    p_value: float = math.nan


@dataclass(frozen=True, eq=False)
class Selection:
    """What choosing the best forecaster is worth.

    Attributes:
        name: the forecaster with the smallest mean absolute error on all environments.
        error: mean absolute error where the choice was made without the environment.
        coverage: share of environments inside intervals so made.
        chosen: ``(K,)`` the forecaster chosen without each environment.
        forecast: ``(K,)`` what it said of that environment.
    """

    name: str
    error: Interval
    coverage: float
    chosen: tuple[str, ...]
    forecast: np.ndarray


def grade(forecast: ArrayLike, truth: ArrayLike, level: float = 0.95) -> Grade:
    """Grade forecasts of ``K >= 3`` environments, each made without that environment's labels.

    Args:
        forecast: ``(K,)`` forecast scores.
        truth: ``(K,)`` measured scores.
        level: confidence level of all intervals.

    Raises:
        UsageError: fewer than 3 environments, shapes that differ, or numbers that are not finite.
    """
    f, a = _pair(forecast, truth, level)
    errors = a - f
    return Grade(
        error=_mean(np.abs(errors), level).within(0.0),
        bias=_mean(errors, level),
        correlation=_spearman(f, a, level),
        worst=float(np.abs(errors).max()),
        coverage=_coverage(f, a, level),
    )


def compare_errors(
    forecast: ArrayLike, reference: ArrayLike, truth: ArrayLike, level: float = 0.95
) -> ErrorComparison:
    """Compare two forecasters' absolute errors on the same ``K >= 3`` environments, all ``(K,)``.

    Raises:
        UsageError: as :func:`grade`.
    """
    f, a = _pair(forecast, truth, level)
    r, _ = _pair(reference, truth, level)
    difference = np.abs(a - f) - np.abs(a - r)
    mean = _mean(difference, level)
    p = p_value(mean.estimate, float(difference.var(ddof=1)) / len(a), len(a) - 1)
    return ErrorComparison(**vars(mean), p_value=p)


def forecast_interval(
    forecast: float, errors: ArrayLike, level: float = 0.95, extra: float = 0.0
) -> Interval:
    """Interval of the score that a new environment's labels would show.

    Args:
        forecast: the new forecast, not corrected.
        errors: ``(K,)`` truth minus forecast in environments left out; limits need two or more.
        level: the share of new environments inside.
        extra: known variance of the new score beyond that in the errors, such as that of a
            smaller test set.

    Example:
        >>> forecast_interval(0.9, [-0.02, 0.0, 0.02])
        Interval(0.9, 0.8006 to 0.9994, 95%, note='Fewer than 6 environments: ...')
    """
    check_level(level)
    d = np.asarray(errors, dtype=np.float64)
    if d.ndim != 1 or len(d) < 2 or not np.isfinite(d).all() or not math.isfinite(forecast):
        raise UsageError(
            "The interval of a forecast needs a finite forecast and the finite errors of at least "
            "2 environments."
        )
    K = len(d)
    parts = np.array([float(d.var(ddof=1)) * (1 + 1 / K), extra])
    degrees = satterthwaite(parts, np.array([K - 1, math.inf]))
    return student(forecast + float(d.mean()), float(parts.sum()), degrees, level, _note(K))


def select(forecasts: Mapping[str, ArrayLike], truth: ArrayLike, level: float = 0.95) -> Selection:
    """Choose the forecaster with the smallest mean absolute error, and grade the choosing.

    Args:
        forecasts: ``(K,)`` forecasts by name; ties go to the first.
        truth: ``(K,)`` measured scores of ``K >= 3`` environments.
        level: confidence level.
    """
    if not forecasts:
        raise UsageError("There is no forecaster to choose from; give at least one.")
    names = list(forecasts)
    table = np.stack([_pair(forecasts[name], truth, level)[0] for name in names])
    a = np.asarray(truth, dtype=np.float64)
    errors = a - table
    picks, inside = [], []
    for k, others in enumerate(~np.eye(len(a), dtype=bool)):
        pick = int(np.abs(errors[:, others]).mean(1).argmin())
        interval = forecast_interval(float(table[pick, k]), errors[pick, others], level)
        picks.append(pick)
        inside.append(interval.low <= a[k] <= interval.high)
    name = names[int(np.abs(errors).mean(1).argmin())]
    made = table[picks, np.arange(len(a))]
    error = _mean(np.abs(a - made), level).within(0.0)
    chosen = tuple(names[pick] for pick in picks)
    return Selection(name, error, float(np.mean(inside)), chosen, made)


def _pair(forecast: ArrayLike, truth: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    check_level(level)
    f, a = np.asarray(forecast, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if f.shape != a.shape or f.ndim != 1:
        raise UsageError(
            f"Forecasts and scores must be one number per environment, not of shapes {f.shape} "
            f"and {a.shape}."
        )
    if len(f) < FEWEST:
        raise UsageError(
            f"Forecasts cannot be graded on {len(f)} environments; give at least {FEWEST}."
        )
    if not (np.isfinite(f).all() and np.isfinite(a).all()):
        raise UsageError("Forecasts and scores must be finite; leave out what was not measured.")
    return f, a


def _mean(values: np.ndarray, level: float) -> Interval:
    return student_mean(values, level, _note(len(values)))


def _note(environments: int) -> str:
    return FEW_NOTE if environments < FEW else ""


def _spearman(f: np.ndarray, a: np.ndarray, level: float) -> Interval:
    K = len(f)
    if np.ptp(f) == 0 or np.ptp(a) == 0:
        return Interval(math.nan, math.nan, math.nan, level, CONSTANT)
    r = float(np.clip(np.corrcoef(rankdata(f), rankdata(a))[0, 1], -1, 1))
    if K < 4 or abs(r) > 1 - 1e-12:
        note = (
            "Limits of a correlation need 4 or more environments and ranks that do not all agree."
        )
        return Interval(r, math.nan, math.nan, level, note)
    half = quantile(level, math.inf) * math.sqrt((1 + r**2 / 2) / (K - 3))
    z = math.atanh(r)
    return Interval(r, math.tanh(z - half), math.tanh(z + half), level, _note(K))


def _coverage(f: np.ndarray, a: np.ndarray, level: float) -> float:
    errors = a - f
    inside = []
    for k, others in enumerate(~np.eye(len(a), dtype=bool)):
        interval = forecast_interval(float(f[k]), errors[others], level)
        inside.append(interval.low <= a[k] <= interval.high)
    return float(np.mean(inside))
