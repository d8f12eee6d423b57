"""Adjusted p-values for several tests at once: Holm, Benjamini-Hochberg, Benjamini-Yekutieli.

With ``m`` p-values in ascending order ``p_(1) <= ... <= p_(m)``, rejecting those whose adjusted
value is at most ``alpha`` keeps

    Holm                  P(any false rejection) <= alpha    max_{i<=j} (m - i + 1) p_(i)
    Benjamini-Hochberg    E(share of false ones) <= alpha    min_{i>=j} (m / i) p_(i)
    Benjamini-Yekutieli   the same, any dependence           c_m min_{i>=j} (m / i) p_(i)

among the rejections, with ``c_m = 1 + 1/2 + ... + 1/m`` and all values capped at 1. Holm's holds
whatever the dependence and is the one to use for a handful of verdicts ("better than plain
training"). Benjamini-Hochberg finds more among dozens of tests, at the price that some findings are
false; it needs independent or positively dependent tests, as comparisons with one common baseline
are.

Sources: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
Statistics 6 (1979), 65-70. Y. Benjamini & Y. Hochberg, Controlling the false discovery rate,
Journal of the Royal Statistical Society B 57 (1995), 289-300. Y. Benjamini & D. Yekutieli, The
control of the false discovery rate in multiple testing under dependency, Annals of Statistics 29
(2001), 1165-1188.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's adjusted p-values, ``(m,)``; NaN entries stay NaN and do not count as tests.

    Raises:
        UsageError: a p-value outside 0 to 1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = tested(p)
    steps = len(order) - np.arange(len(order))
    return _placed(p, order, np.maximum.accumulate(p[order] * steps))


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values, ``(m,)``; NaN entries as in :func:`holm`.

    Raises:
        UsageError: a p-value outside 0 to 1.
    """
    p = _checked(p_values)
    order = tested(p)
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    return _placed(p, order, np.minimum.accumulate(scaled[::-1])[::-1])


def benjamini_yekutieli(p_values: ArrayLike) -> np.ndarray:
    """Benjamini and Yekutieli's adjusted p-values, ``(m,)``; NaN entries as in :func:`holm`.

    Raises:
        UsageError: a p-value outside 0 to 1.
    """
    p = _checked(p_values)
    order = tested(p)
    places = np.arange(1, len(order) + 1)
    scaled = p[order] * len(order) * np.sum(1 / places) / places
    return _placed(p, order, np.minimum.accumulate(scaled[::-1])[::-1])


def step_levels(p_values: ArrayLike, alpha: float) -> list[float]:
    """Confidence levels at which Holm's procedure judged each test.

    Limits drawn at these levels exclude 0 exactly when the test is rejected: ``1 - alpha / (m - j +
    1)`` for the ``j``-th smallest p-value if rejected, and that of the step at which the procedure
    stopped for all others.
    """
    p = _checked(p_values)
    order = tested(p)
    steps = alpha / (len(order) - np.arange(len(order)))
    rejected = np.logical_and.accumulate(p[order] < steps)
    stop = min(int(rejected.sum()), max(len(order) - 1, 0))
    levels = np.full(len(p), 1 - alpha)
    levels[order] = 1 - steps[np.minimum(np.arange(len(order)), stop)]
    return [float(value) for value in levels]


def tested(p: np.ndarray) -> np.ndarray:
    """Positions of the p-values that are numbers, smallest p first, ties in their given order."""
    return np.argsort(p, kind="stable")[: int(np.sum(~np.isnan(p)))]


def _checked(p_values: ArrayLike) -> np.ndarray:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or np.any((p < 0) | (p > 1)):
        raise UsageError("p-values must be a list of numbers between 0 and 1.")
    return p


def _placed(p: np.ndarray, order: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``values`` at the positions ``order``, capped at 1, and NaN elsewhere."""
    adjusted = np.full(len(p), math.nan)
    adjusted[order] = np.minimum(values, 1.0)
    return adjusted
