"""Nonconformity scores, how badly a class or number fits, and the sets that they give.

A set holds the labels whose score is at most a threshold
(:mod:`gengap.statistics.selective.conformal`). Any score covers; a better one gives smaller sets,
or sets whose coverage varies less between inputs.

*Classes*, with probabilities ``p`` and ``r_y`` the rank of ``y`` from the most probable, 1 first:

    threshold (LAC)    1 - p_y: the smallest sets on average; hard inputs are covered too little
    adaptive (APS)     the sum of p over all classes ahead of y, plus u p_y: hard inputs get larger
                       sets; with u uniform on (0, 1) coverage is exact, with u = 1 conservative
    regularised (RAPS) APS + penalty * max(0, r_y - free_ranks): without the long tails of APS

*Numbers*, with prediction ``f``, a scale ``d`` of its error, or two quantiles:

    residual      |y - f|: intervals of one width
    normalised    |y - f| / d: wide where the error is expected to be large
    quantiles     max(low - y, y - high) (CQR): stretches or shrinks an interval of any other origin

Sources: M. Sadinle, J. Lei & L. Wasserman, Least ambiguous set-valued classifiers with bounded
error levels, Journal of the American Statistical Association 114 (2019), 223-234; Y. Romano, M.
Sesia & E. J. Candès, Classification with valid and adaptive coverage, NeurIPS 2020,
arXiv:2006.02544; A. Angelopoulos, S. Bates, J. Malik & M. I. Jordan, Uncertainty sets for
image classifiers using conformal prediction, ICLR 2021, arXiv:2009.14193; Y. Romano, E. Patterson &
E. J. Candès, Conformalized quantile regression, NeurIPS 2019, arXiv:1905.03222.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics import checks


class Limits(NamedTuple):
    """Prediction intervals: ``low`` and ``high``, ``(m,)`` each."""

    low: np.ndarray
    high: np.ndarray


def threshold_scores(probabilities: ArrayLike) -> np.ndarray:
    """LAC: ``1 - p``, ``(n, C)`` for every class."""
    return 1 - checks.probabilities(probabilities)


def adaptive_scores(
    probabilities: ArrayLike,
    uniform: ArrayLike | None = None,
    *,
    penalty: float = 0.0,
    free_ranks: int = 0,
) -> np.ndarray:
    """APS, and RAPS with a penalty: ``(n, C)`` for every class.

    Args:
        probabilities: ``(n, C)``; tied classes rank by their code.
        uniform: ``(n,)`` draws in 0 to 1, new ones for every example; without, ``u = 1``.
        penalty: added for each rank beyond ``free_ranks``.
        free_ranks: how many classes go without penalty.

    Raises:
        UsageError: no probabilities, draws outside 0 to 1, a negative penalty or number of ranks.

    Example:
        >>> adaptive_scores([[0.25, 0.5, 0.25]], [0.5]).tolist()
        [[0.625, 0.25, 0.875]]
    """
    p = checks.probabilities(probabilities)
    u = np.ones(len(p)) if uniform is None else checks.numbers(uniform, "uniform", len(p))
    if not ((u >= 0) & (u <= 1)).all():
        raise UsageError("uniform must hold draws between 0 and 1.")
    if penalty < 0 or free_ranks < 0:
        raise UsageError(f"penalty {penalty} and free_ranks {free_ranks} must be at least 0.")
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    ranks = np.arange(1, p.shape[1] + 1)
    ahead = np.cumsum(ranked, axis=1) - ranked
    scores = ahead + u[:, None] * ranked + penalty * np.maximum(0, ranks - free_ranks)
    placed = np.empty_like(scores)
    np.put_along_axis(placed, order, scores, axis=1)
    return placed


def at_labels(scores: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Scores ``(n,)`` of the examples' own labels, from ``(n, C)`` for every class."""
    s = checks.table(scores, "scores", (None, None))
    return s[np.arange(len(s)), checks.classes(labels, *s.shape)]


def prediction_sets(scores: ArrayLike, threshold: ArrayLike) -> np.ndarray:
    """Which classes are in the set: ``(m, C)`` bool.

    A set of LAC or of randomised APS may be empty: no class fits, which is a reason to abstain.

    Args:
        scores: ``(m, C)`` for every class.
        threshold: one number, or ``(m,)`` one per input.
    """
    s = checks.table(scores, "scores", (None, None))
    return s <= _thresholds(threshold, len(s))[:, None]


def residual_scores(
    target: ArrayLike, prediction: ArrayLike, scale: ArrayLike | None = None
) -> np.ndarray:
    """``|y - f|``, or ``|y - f| / d`` with a positive scale ``d``: ``(n,)``.

    Args:
        target: ``(n,)`` numbers, the module's ``y``.
        prediction: ``(n,)`` predicted numbers ``f``.
        scale: ``(n,)`` positive, in the unit of the target; None for 1.
    """
    y = checks.numbers(target, "target")
    return np.abs(y - checks.numbers(prediction, "prediction", len(y))) / _scale(scale, len(y))


def residual_interval(
    prediction: ArrayLike, threshold: ArrayLike, scale: ArrayLike | None = None
) -> Limits:
    """``f -+ q d``: the numbers whose :func:`residual_scores` are at most the threshold.

    Args:
        prediction: ``(m,)``.
        threshold: ``q``, one number or ``(m,)``; infinite gives all numbers.
        scale: ``(m,)`` as for the scores.
    """
    f = checks.numbers(prediction, "prediction")
    half = _thresholds(threshold, len(f)) * _scale(scale, len(f))
    return Limits(f - half, f + half)


def quantile_scores(target: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """``max(low - y, y - high)``: ``(n,)``, negative inside the interval."""
    y = checks.numbers(target, "target")
    a, b = checks.numbers(low, "low", len(y)), checks.numbers(high, "high", len(y))
    return np.maximum(a - y, y - b)


def quantile_interval(low: ArrayLike, high: ArrayLike, threshold: ArrayLike) -> Limits:
    """``low - q`` to ``high + q``; where that is empty, both limits are its midpoint."""
    a = checks.numbers(low, "low")
    b = checks.numbers(high, "high", len(a))
    q = np.maximum(_thresholds(threshold, len(a)), (a - b) / 2)
    return Limits(a - q, b + q)


def _thresholds(values: ArrayLike, m: int) -> np.ndarray:
    q = checks.array(values, "threshold")
    if q.shape not in ((), (m,)) or np.isnan(q).any():
        raise UsageError(f"threshold must be one number or {m} of them, not {q.shape}.")
    return np.broadcast_to(q, (m,))


def _scale(values: ArrayLike | None, n: int) -> np.ndarray:
    d = np.ones(n) if values is None else checks.numbers(values, "scale", n)
    if (d <= 0).any():
        raise UsageError("scale must be positive; add a small constant to it.")
    return d
