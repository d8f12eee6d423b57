"""From a statistic's values on resamples to limits: percentile, BCa, studentised.

The formulas and their sources are in :mod:`gengap.statistics.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.resampling import Replicates


class Limits(NamedTuple):
    """Lower and upper limit."""

    low: float
    high: float


def percentile(drawn: Replicates, level: float) -> Limits:
    """The quantiles at ``(1 - level) / 2`` and ``(1 + level) / 2`` of values ``(B,)``."""
    return _quantiles(drawn, (1 - level) / 2, (1 + level) / 2)


def bca(drawn: Replicates, estimate: float, skewness: float, level: float) -> Limits:
    """Percentile limits corrected for bias and skewness.

    Ties count half below. Where all values lie on one side of the estimate the limits are the
    extreme value on that side.
    """
    difference = drawn.values - estimate
    # Sums of the same scores in another order are equal but for their last digits.
    tied = np.abs(difference) <= 1e-12 * np.abs(drawn.values).max()
    below = np.average(np.where(tied, 0.5, difference < 0), weights=drawn.weights)
    bias = np.clip(special.ndtri(below), -8.0, 8.0)
    shifted = bias + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    low, high = special.ndtr(bias + shifted / (1 - skewness * shifted))
    return _quantiles(drawn, float(low), float(high))


def studentised(
    drawn: Replicates, noises: np.ndarray, estimate: float, noise: float, level: float
) -> Limits:
    """Limits from quantiles of ``(value - estimate) / noise``, infinite where noise often is 0.

    Args:
        drawn: values ``(B,)`` on resamples.
        noises: ``(B,)`` their noise, up to a constant factor.
        estimate: the value at hand, in the same unit, and its ``noise``.
        noise: see ``estimate``; with 0 the limits are the estimate.
        level: the confidence level.
    """
    if noise == 0:
        return Limits(estimate, estimate)
    difference = drawn.values - estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, difference / np.where(noises > 1e-9 * noise, noises, 0))
    low, high = percentile(Replicates(t, drawn.weights), level)
    return Limits(estimate - noise * high, estimate - noise * low)


def seed_skewness(table: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> float:
    """Acceleration of BCa for ``(E, S)``, leaving out one run at a time within its environment.

    With ``l`` an environment's jackknife influences, ``a = 1/6 sum_e sum l^3 / n_e^3`` over
    ``(sum_e sum l^2 / n_e^2)^(3/2)``. A single run has no influence.

    Raises:
        UsageError: a statistic that does not skip NaN.
    """
    cubes = squares = 0.0
    for row, runs in enumerate(table):
        there = np.flatnonzero(~np.isnan(runs))
        if len(there) > 1:
            without = np.repeat(table[None], len(there), axis=0)
            without[np.arange(len(there)), row, there] = np.nan
            share = _influences(statistic(without)) / len(there)
            cubes += np.sum(share**3)
            squares += np.sum(share**2)
    if np.isnan(squares):
        raise UsageError(
            "BCa leaves out runs as NaN; give a statistic that skips it, e.g. nanmean."
        )
    return float(cubes / squares**1.5 / 6) if squares > 0 else 0.0


def environment_skewness(table: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> float:
    """Acceleration of BCa for ``(E, S)``, leaving out one environment at a time."""
    without = np.stack([np.delete(table, row, axis=0) for row in range(len(table))])
    influence = _influences(statistic(without))
    squares = np.sum(influence**2)
    return float(np.sum(influence**3) / squares**1.5 / 6) if squares > 0 else 0.0


def _influences(left_out: np.ndarray) -> np.ndarray:
    return (len(left_out) - 1) * (left_out.mean() - left_out)


def _quantiles(drawn: Replicates, low: float, high: float) -> Limits:
    values, weights = drawn
    # The smallest value with at least that share at or below it: defined with weights too, and
    # indifferent to infinite values elsewhere.
    pair = np.quantile(values, [low, high], weights=weights, method="inverted_cdf")
    return Limits(float(pair[0]), float(pair[1]))
