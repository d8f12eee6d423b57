"""The difference between two methods in these very environments: what other seeds would change.

The environments are fixed, each weighs the same, and the seeds are the sample. (For environments
like these, with environments as the sample, see :func:`gengap.statistics.paired.t_test`.)

Where one seed pairs the methods (the same data, the same random numbers) and every score is there,
the mean over environments of each seed is one observation: whatever a seed does to all environments
at once is then counted, and ``S - 1`` degrees of freedom are left. Seeds that are common to all
environments but not to the methods give each method such observations of its own. Otherwise runs
are independent and the variance is Welch's, summed over environments and methods, with
Satterthwaite's degrees of freedom:

    Var = sum_e (s_1e^2 / n_1e + s_2e^2 / n_2e) / E^2.

Sources: B. L. Welch, The generalization of Student's problem when several different population
variances are involved, Biometrika 34 (1947), 28-35; for the degrees of freedom see
:mod:`gengap.statistics.intervals`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, p_value, satterthwaite, student
from gengap.statistics.votes import seed_means

ONE_RUN = "One run per cell: what other seeds would give is unknown."
ALIKE = "All runs of a cell agree: there is no spread to judge the difference by."


@dataclass(frozen=True, repr=False)
class Difference(Interval):
    """First method minus second, with the two-sided p-value of no difference.

    Attributes:
        p_value: NaN where the limits are.
        units: seeds, or where they are not paired runs, that the interval rests on.
    """

    p_value: float = math.nan
    units: int = 0


def seed_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    paired: bool = False,
    crossed: bool = False,
    level: float = 0.95,
) -> Difference:
    """Mean difference between two methods, for these environments alone.

    Args:
        first: ``(E, S)`` scores of the first method, NaN where missing.
        second: ``(E, S')`` scores of the second in the same environments.
        paired: whether a seed of the first method goes with the same seed of the second.
        crossed: whether a seed of a method is one trained model, scored in all environments.
        level: the confidence level.

    Returns:
        Limits are NaN, with the reason in the note, where a cell has one run or all agree.

    Raises:
        UsageError: arrays of other shapes, or no environment in common.
    """
    x, y = _checked(first, second, level)
    common = np.isfinite(seed_means(x) - seed_means(y))
    x, y = x[common], y[common]
    estimate = float(np.mean(seed_means(x) - seed_means(y)))
    if paired and x.shape == y.shape and np.isfinite(x).all() and np.isfinite(y).all():
        by_seed = (x - y).mean(axis=0)
        if len(by_seed) < 2:
            return _difference(estimate, math.nan, 0.0, level, 1, ONE_RUN)
        variance = float(by_seed.var(ddof=1)) / len(by_seed)
        return _difference(estimate, variance, len(by_seed) - 1, level, len(by_seed))
    if crossed and len(x) > 1 and np.isfinite(x).all() and np.isfinite(y).all():
        x, y = x.mean(axis=0, keepdims=True), y.mean(axis=0, keepdims=True)
    parts, degrees = (np.concatenate(both) for both in zip(_welch(x), _welch(y), strict=True))
    if (degrees < 1).any():
        return _difference(estimate, math.nan, 0.0, level, 1, ONE_RUN)
    parts = parts / len(x) ** 2
    units = int(degrees.sum()) + len(degrees)
    freedom = satterthwaite(parts, degrees)
    return _difference(estimate, float(parts.sum()), freedom, level, units)


def _welch(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance of each environment's mean ``(E,)`` and its degrees of freedom."""
    runs = np.isfinite(scores).sum(axis=1)
    deviations = np.where(np.isfinite(scores), scores - seed_means(scores)[:, None], 0.0)
    square = (deviations**2).sum(axis=1) / np.maximum(runs - 1, 1)
    return square / np.maximum(runs, 1), runs - 1.0


def _difference(
    estimate: float, variance: float, degrees: float, level: float, units: int, note: str = ""
) -> Difference:
    if variance == 0:
        variance, note = math.nan, ALIKE
    limits = student(estimate, variance, degrees, level, note)
    p = math.nan if math.isnan(variance) else p_value(estimate, variance, degrees)
    return Difference(**vars(limits), p_value=p, units=units)


def _checked(first: ArrayLike, second: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    check_level(level)
    x, y = (np.asarray(scores, dtype=np.float64) for scores in (first, second))
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise UsageError(
            f"Scores of two methods must have shape (environments, seeds) with the same "
            f"environments, not {x.shape} and {y.shape}."
        )
    if not np.isfinite(seed_means(x) - seed_means(y)).any():
        raise UsageError("The two methods have no environment in common; nothing can be compared.")
    return x, y
