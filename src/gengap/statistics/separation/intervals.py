"""Intervals of every metric of separation, by DeLong's formula or by the bootstrap.

AUROC of independent examples has a formula (:mod:`gengap.statistics.separation.delong`). AUPR and
the FPR at a recall get percentile limits from a bootstrap of inliers and strangers apart.
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
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> SeparationIntervals:
    """All metrics of one detector with their intervals.

    Args:
        inliers: ``(n,)`` scores.
        strangers: ``(m,)`` scores.
        level: confidence level.
        replicates: bootstrap resamples.
        seed: decides what is drawn.

    Returns:
        Percentile limits, but DeLong's for AUROC.

    Raises:
        UsageError: scores that cannot be used, see
            :func:`gengap.statistics.separation.metrics.separation`.
    """
    check_level(level)
    x, y = checked(inliers, strangers)
    if x.ndim > 1:
        raise UsageError("Give one detector's scores (n,) at a time for its intervals.")
    estimate = separation(x, y)
    if min(len(x), len(y)) < 2:
        nothing = (Interval(float(e), math.nan, math.nan, level, TOO_FEW) for e in estimate)
        return SeparationIntervals(*nothing)
    drawn = resampled(Sorted.of(x, y), replicates, seed)
    limits = [np.quantile(values, [(1 - level) / 2, (1 + level) / 2]) for values in drawn]
    _, *others = (
        Interval(float(e), float(low), float(high), level)
        for e, (low, high) in zip(estimate, limits, strict=True)
    )
    return SeparationIntervals(auroc_interval(x, y, level), *others)


def resampled(data: Sorted, replicates: int, seed: int) -> Separation:
    """Metrics ``(B,)`` each on resamples, inliers and strangers drawn apart."""
    rng = generator(seed, "separation")
    sizes = data.inliers, len(data.order) - data.inliers
    block = max(1, BLOCK_BYTES // (8 * 8 * len(data.order)))
    found = []
    for start in range(0, replicates, block):
        count = min(block, replicates - start)
        drawn = [rng.multinomial(n, np.full(n, 1 / n), size=count).astype(float) for n in sizes]
        found.append(weighted(data, np.concatenate(drawn, 1), RECALL))
    return Separation(*(np.concatenate(values) for values in zip(*found, strict=True)))
