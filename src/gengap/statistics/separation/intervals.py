"""Intervals of every metric of separation, by DeLong's formula or by the bootstrap.

AUROC of independent examples has a formula (:mod:`gengap.statistics.separation.delong`). AUPR and
the FPR at a recall get percentile limits from a bootstrap of inliers and strangers apart, and so
does AUROC where examples come in units (environments, classes): whole units are drawn anew then,
which is wider where units differ. With few units such limits are too narrow, which the note says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.separation.delong import TOO_FEW, auroc_interval
from gengap.statistics.separation.metrics import (
    RECALL,
    Separation,
    Sorted,
    checked,
    separation,
    weighted,
)

BLOCK_BYTES = 32 << 20
FEW_UNITS = 10
FEW = f"Fewer than {FEW_UNITS} units: such limits are too narrow."


@dataclass(frozen=True)
class SeparationIntervals:
    """Each metric of :class:`~gengap.statistics.separation.metrics.Separation` with its
    interval."""

    auroc: Interval
    aupr_out: Interval
    aupr_in: Interval
    fpr: Interval


def separation_intervals(
    inliers: ArrayLike,
    strangers: ArrayLike,
    *,
    inlier_unit: ArrayLike | None = None,
    stranger_unit: ArrayLike | None = None,
    recall: float = RECALL,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> SeparationIntervals:
    """All metrics of one detector with their intervals.

    Args:
        inliers: ``(n,)`` scores.
        strangers: ``(m,)`` scores.
        inlier_unit: ``(n,)`` which environment or class each came from; whole units are drawn
            anew. None draws examples.
        stranger_unit: ``(m,)``, likewise.
        recall: share of inliers accepted, for ``fpr``.
        level: confidence level.
        replicates: bootstrap resamples.
        seed: decides what is drawn.

    Returns:
        Percentile limits, but DeLong's for AUROC where no units are given.

    Raises:
        UsageError: scores that cannot be used, see
            :func:`gengap.statistics.separation.metrics.separation`.
    """
    check_level(level)
    x, y = checked(inliers, strangers)
    if x.ndim > 1:
        raise UsageError("Give one detector's scores (n,) at a time for its intervals.")
    estimate = separation(x, y, recall)
    if min(len(x), len(y)) < 2:
        nothing = (Interval(float(e), math.nan, math.nan, level, TOO_FEW) for e in estimate)
        return SeparationIntervals(*nothing)
    units = [_codes(unit, len(s)) for unit, s in ((inlier_unit, x), (stranger_unit, y))]
    few = any(code is not None and code.max() + 1 < FEW_UNITS for code in units)
    drawn = _resampled(Sorted.of(x, y), units, recall, replicates, seed)
    limits = [np.quantile(values, [(1 - level) / 2, (1 + level) / 2]) for values in drawn]
    intervals = [
        Interval(float(e), float(low), float(high), level, FEW if few else "")
        for e, (low, high) in zip(estimate, limits, strict=True)
    ]
    if inlier_unit is None and stranger_unit is None:
        intervals[0] = auroc_interval(x, y, level)
    return SeparationIntervals(*intervals)


def _resampled(
    data: Sorted, units: list[np.ndarray | None], recall: float, replicates: int, seed: int
) -> Separation:
    """Metrics on resamples, inliers and strangers (or their units) drawn apart."""
    rng = generator(seed, "separation")
    sizes = data.inliers, len(data.order) - data.inliers
    block = max(1, BLOCK_BYTES // (8 * 8 * len(data.order)))
    found = []
    for start in range(0, replicates, block):
        count = min(block, replicates - start)
        weights = [_counts(rng, count, size, code) for size, code in zip(sizes, units, strict=True)]
        found.append(weighted(data, np.concatenate(weights, 1), recall))
    return Separation(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _counts(
    rng: np.random.Generator, replicates: int, size: int, code: np.ndarray | None
) -> np.ndarray:
    """How often each of ``size`` examples is drawn, ``(B, size)``."""
    drawn = size if code is None else int(code.max()) + 1
    counts = rng.multinomial(drawn, np.full(drawn, 1 / drawn), size=replicates).astype(float)
    return counts if code is None else counts[:, code]


def _codes(unit: ArrayLike | None, size: int) -> np.ndarray | None:
    if unit is None:
        return None
    labels = np.asarray(unit)
    if labels.shape != (size,):
        raise UsageError(f"Give one unit per score: {labels.shape} units, {size} scores.")
    return np.unique(labels, return_inverse=True)[1]
