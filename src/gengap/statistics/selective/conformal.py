"""Conformal calibration: a threshold such that sets and intervals hold the truth often enough.

Let ``s_1 .. s_n`` be nonconformity scores of calibration examples (larger = the label fits worse;
:mod:`gengap.statistics.selective.conformal_scores`) and ``s`` that of a new one. If all are
exchangeable, the rank of ``s`` is uniform, so with ``l = floor((n + 1) a)`` and ``q`` the ``n + 1 -
l``-th smallest,

    P(s <= q) >= 1 - a,

and the set of labels whose score is at most ``q`` holds the truth that often. For ``l = 0`` the
threshold is infinite and so is the set: ``n`` is too small. Over calibration sets, the coverage
(of scores without ties) is itself random with distribution Beta(n + 1 - l, l).

*By environment* (Mondrian): calibrated in each environment alone, coverage holds in each one.

*A new environment.* With ``K`` exchangeable environments the unit is the environment: each weighs
``1 / (K + 1)``, shared by its examples, and the new one's ``1 / (K + 1)`` sits at infinity. The
threshold is the ``1 - a`` quantile. Finite from ``K = 1/a - 1`` on, and wide: it is the honest one.

*Covariate shift.* With density ratios ``w_i`` of the new inputs over calibration inputs, and ``w``
that of the new input itself, the quantile is that of ``sum w_i delta(s_i) + w delta(inf)``, scaled
to 1. Exact for true ratios and only where ``p(label | input)`` does not change; with estimated ones
approximate. It rests on about ``(sum w)^2 / sum w^2`` examples.

Pooled environments do not give the level in a new one, whose examples are no exchangeable draws.

Sources: V. Vovk, A. Gammerman & G. Shafer, Algorithmic learning in a random world, Springer (2005);
V. Vovk, Conditional validity of inductive conformal predictors, Machine Learning 92 (2013),
349-376; R. J. Tibshirani, R. Foygel Barber, E. J. Candès & A. Ramdas, Conformal prediction under
covariate shift, NeurIPS 2019, arXiv:1904.06019; new groups: Y. Lee, R. F. Barber & R. Willett,
Distribution-free inference with hierarchical data, arXiv:2306.06342 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics import checks
from gengap.statistics.intervals import Interval, check_level

FEW_EFFECTIVE = "Weights leave fewer than 30 effective examples: the threshold is unsteady."


@dataclass(frozen=True)
class Threshold:
    """The largest nonconformity score that belongs in the set.

    Attributes:
        value: infinite where there are too few examples, with the reason in ``note``.
        size: calibration examples, or environments where these are the unit.
        note: what a reader must know, a sentence or empty.
    """

    value: float
    size: int
    note: str = ""


@dataclass(frozen=True)
class WeightedThresholds:
    """One threshold per new input.

    Attributes:
        values: ``(m,)`` thresholds, infinite where a new input weighs too much.
        effective_size: how many equally weighted calibration examples the weights are worth.
        note: how many are infinite, whether the effective size is small; or empty.
    """

    values: np.ndarray
    effective_size: float
    note: str = ""


def calibrate(scores: ArrayLike, miscoverage: float = 0.1) -> Threshold:
    """The threshold of split conformal prediction.

    Args:
        scores: ``(n,)`` nonconformity of calibration examples at their own labels.
        miscoverage: the share of new examples that may be missed, in (0, 1).

    Raises:
        UsageError: no scores, NaN among them, miscoverage out of range.

    Example:
        >>> calibrate([3, 1, 4, 1, 5, 9, 2, 6, 5], miscoverage=0.2).value
        6.0
    """
    values = np.sort(checks.numbers(scores, "scores", infinite=True))
    n = len(values)
    missed = _missed(n, miscoverage)
    if missed == 0:
        return Threshold(math.inf, n, _too_few("examples", n, miscoverage))
    return Threshold(float(values[n - missed]), n)


def calibrate_by_environment(
    scores: ArrayLike, environment: ArrayLike, miscoverage: float = 0.1
) -> dict[Any, Threshold]:
    """A threshold for each environment, from its own examples; arguments as :func:`calibrate`.

    Labels may equally be classes, for coverage within each class.
    """
    values = checks.numbers(scores, "scores", infinite=True)
    labels, code = checks.codes(environment, len(values))
    return {
        label: calibrate(values[code == k], miscoverage) for k, label in enumerate(labels.tolist())
    }


def calibrate_new_environment(
    scores: ArrayLike, environment: ArrayLike, miscoverage: float = 0.1
) -> Threshold:
    """A threshold that covers examples of a new environment, exchangeable with these.

    Arguments and errors as in :func:`calibrate_by_environment`. Coverage is on average over new
    environments; a single one may be covered less.
    """
    values = checks.numbers(scores, "scores", infinite=True)
    labels, code = checks.codes(environment, len(values))
    checks.share(miscoverage, "miscoverage")
    K = len(labels)
    weights = (1 / np.bincount(code))[code]
    found = float(_weighted_quantile(values, weights, np.ones(1), miscoverage)[0])
    note = "" if _missed(K, miscoverage) else _too_few("environments", K, miscoverage)
    return Threshold(found, K, note)


def calibrate_weighted(
    scores: ArrayLike,
    weights: ArrayLike,
    new_weights: ArrayLike,
    miscoverage: float = 0.1,
) -> WeightedThresholds:
    """Thresholds under covariate shift.

    Args:
        scores: ``(n,)`` nonconformity of calibration examples at their own labels.
        weights: ``(n,)`` density of new inputs over that of calibration inputs, at the latter, up
            to a common factor.
        new_weights: ``(m,)`` the same ratio at the new inputs, with the same factor.
        miscoverage: the share of new examples that may be missed.

    Raises:
        UsageError: as in :func:`calibrate`, or weights that are negative or all 0.
    """
    values = checks.numbers(scores, "scores", infinite=True)
    w = _positive(checks.numbers(weights, "weights", len(values)), "weights")
    new = checks.numbers(new_weights, "new_weights")
    if (new < 0).any():
        raise UsageError("new_weights holds negative values; density ratios are at least 0.")
    checks.share(miscoverage, "miscoverage")
    found = _weighted_quantile(values, w, new, miscoverage)
    w = w / w.max()
    size = float(w.sum() ** 2 / (w @ w))
    infinite = int(np.isinf(found).sum())
    told = f"{infinite} of {len(found)} thresholds are infinite: these inputs weigh too much."
    note = " ".join(filter(None, [told * (infinite > 0), FEW_EFFECTIVE * (size < 30)]))
    return WeightedThresholds(found, size, note)


def coverage_interval(size: int, miscoverage: float = 0.1, level: float = 0.95) -> Interval:
    """Where the coverage lies after calibrating on ``size`` examples, without ties.

    The estimate is its mean over calibration sets; ``level`` of the sets give a coverage within
    the limits. This is how good one calibration is, not noise in measuring it.
    """
    check_level(level)
    missed = _missed(size, miscoverage)
    if missed == 0:
        return Interval(1.0, 1.0, 1.0, level, _too_few("examples", size, miscoverage))
    beta = stats.beta(size + 1 - missed, missed)
    low, high = beta.interval(level)
    return Interval(float(beta.mean()), float(low), float(high), level)


def smallest_size(miscoverage: float = 0.1, slack: float | None = None, delta: float = 0.05) -> int:
    """The fewest calibration examples for a finite threshold, or for a coverage close to nominal.

    Args:
        miscoverage: the share of new examples that may be missed.
        slack: if given, the coverage is to be at least ``1 - miscoverage - slack``, and stay so
            for all larger sizes, in all but ``delta`` of the calibration sets.
        delta: see ``slack``.

    Raises:
        UsageError: numbers out of range.

    Example:
        >>> smallest_size(0.1)
        9
    """
    checks.share(miscoverage, "miscoverage")
    least = math.ceil(1 / miscoverage - 1e-9) - 1
    if slack is None:
        return max(least, 1)
    checks.share(delta, "delta")
    if not 1e-3 <= slack < 1 - miscoverage:
        raise UsageError(
            f"slack is {slack}; give at least 0.001 and less than {1 - miscoverage:g}."
        )
    wanted = 1 - miscoverage - slack
    # By Hoeffding's inequality larger sizes do; the chance is a saw-tooth below that.
    enough = max(least, math.ceil(math.log(1 / delta) / (2 * slack**2))) + 1
    n = np.arange(max(least, 1), enough + 1)
    missed = np.floor((n + 1) * miscoverage + 1e-9)
    failing = stats.beta.cdf(wanted, n + 1 - missed, missed) > delta
    return int(n[np.flatnonzero(failing)[-1] + 1]) if failing.any() else int(n[0])


def _missed(n: int, miscoverage: float) -> int:
    """How many of ``n`` calibration scores, plus the new one, may lie at or above the threshold."""
    checks.share(miscoverage, "miscoverage")
    return math.floor((n + 1) * miscoverage + 1e-9)


def _weighted_quantile(
    values: np.ndarray, weights: np.ndarray, new: np.ndarray, miscoverage: float
) -> np.ndarray:
    """For each new weight, the smallest value with a share of at least ``1 - miscoverage`` below.

    Args:
        values: ``(n,)`` scores.
        weights: ``(n,)`` at least 0, not all 0.
        new: ``(m,)`` weights at infinity.
        miscoverage: 1 minus the share.
    """
    order = np.argsort(values, kind="stable")
    ascending, mass = np.append(values[order], np.inf), np.cumsum(weights[order])
    total = mass[-1] + new
    return ascending[np.searchsorted(mass, (1 - miscoverage) * total - 1e-9 * total)]


def _positive(weights: np.ndarray, name: str) -> np.ndarray:
    if (weights < 0).any() or not weights.any():
        raise UsageError(f"{name} must be at least 0 and not all 0.")
    return weights


def _too_few(unit: str, n: int, miscoverage: float) -> str:
    return (
        f"{n} {unit} are too few to miss only {miscoverage:g}: with fewer than "
        f"{smallest_size(miscoverage)} the threshold is infinite and holds everything."
    )
