"""Adjusted p-values for several tests at once, by Holm's step-down procedure.

With ``m`` p-values in ascending order ``p_(1) <= ... <= p_(m)``, rejecting those whose adjusted
value, ``max_{i<=j} (m - i + 1) p_(i)`` capped at 1, is at most ``alpha`` keeps the chance of any
false rejection at ``alpha``, whatever the dependence between the tests. It is the one to use for a
handful of verdicts ("better than plain training"). Among dozens of tests, where some false findings
are a fair price for more true ones, the false discovery rate finds more:
``scipy.stats.false_discovery_control`` has Benjamini and Hochberg's procedure and Benjamini and
Yekutieli's.

Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
Statistics 6 (1979), 65-70.
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
    adjusted = np.full(len(p), math.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return adjusted


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
