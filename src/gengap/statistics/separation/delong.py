"""DeLong's intervals of AUROC.

With the placements ``V_i`` (share of strangers above inlier ``i``, ties half) and ``W_j`` (share of
inliers below stranger ``j``) the covariance of the areas over detectors is

    cov(V) / n + cov(W) / m

(E. R. DeLong, D. M. DeLong & D. L. Clarke-Pearson, Comparing the areas under two or more correlated
receiver operating characteristic curves, Biometrics 44 (1988), 837-845). Limits are drawn on the
logit scale, which keeps them within 0 and 1 and covers better near the ends. Where separation is
perfect there is no variance to use: ``min(n, m)`` disjoint pairs were all in order, which gives the
exact binomial bound. Examples are taken as independent, unless clusters are given: then what each
cluster adds to the area is one draw, inliers and strangers alike (N. A. Obuchowski, Nonparametric
analysis of clustered ROC curve data, Biometrics 53 (1997), 567-578).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, quantile
from gengap.statistics.separation.metrics import auroc, checked, placements

PERFECT = "Separation is perfect here; the limit is the exact binomial one of disjoint pairs."
TOO_FEW = "Fewer than 2 inliers or strangers: there are no limits."


def auroc_covariance(inliers: ArrayLike, strangers: ArrayLike) -> np.ndarray:
    """DeLong's covariance ``(D, D)`` of the areas of detectors that scored the same examples.

    Args:
        inliers: ``(D, n)`` scores.
        strangers: ``(D, m)`` scores.

    Raises:
        UsageError: fewer than 2 inliers or strangers, or unusable scores.
    """
    x, y = (np.atleast_2d(scores) for scores in checked(inliers, strangers))
    n, m = x.shape[1], y.shape[1]
    if min(n, m) < 2:
        raise UsageError(f"A variance needs 2 inliers and 2 strangers; there are {n} and {m}.")
    above, below = placements(x, y)
    return np.atleast_2d(np.cov(above) / n + np.cov(below) / m)


def auroc_interval(inliers: ArrayLike, strangers: ArrayLike, level: float = 0.95) -> Interval:
    """AUROC of one detector with DeLong's limits on the logit scale.

    Args:
        inliers: ``(n,)`` scores.
        strangers: ``(m,)`` scores.
        level: confidence level; examples are taken as independent.

    Raises:
        UsageError: unusable scores (see :func:`~gengap.statistics.separation.metrics.separation`).
    """
    check_level(level)
    area = float(auroc(inliers, strangers))
    pairs = min(np.size(inliers), np.size(strangers))
    if pairs < 2:
        return Interval(area, math.nan, math.nan, level, TOO_FEW)
    if area in (0.0, 1.0):
        bound = ((1 - level) / 2) ** (1 / pairs)
        low, high = (bound, 1.0) if area == 1 else (0.0, 1 - bound)
        return Interval(area, low, high, level, PERFECT)
    return area_limits(area, float(auroc_covariance(inliers, strangers)[0, 0]), level)


def area_limits(area: float, variance: float, level: float = 0.95) -> Interval:
    """Limits of an area strictly between 0 and 1, symmetric on the logit scale.

    Args:
        area: the estimate.
        variance: of the estimate; the logit's is ``variance / (area (1 - area))^2``.
        level: the confidence level.
    """
    logit = math.log(area / (1 - area))
    half = quantile(level, math.inf) * math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-min(max(z, -700), 700))) for z in (logit - half, logit + half))
    return Interval(area, low, high, level)


def clustered_variance(
    inliers: ArrayLike, strangers: ArrayLike, clusters: tuple[np.ndarray, np.ndarray]
) -> float:
    """Variance of the area where examples of a cluster belong together.

    Args:
        inliers: ``(n,)`` scores.
        strangers: ``(m,)`` scores.
        clusters: codes ``(n,)`` and ``(m,)`` of the same clusters.

    Raises:
        UsageError: fewer than 2 clusters, or unusable scores.
    """
    x, y = (np.atleast_2d(scores) for scores in checked(inliers, strangers))
    (above,), (below,) = placements(x, y)
    parts = [(v - v.mean()) / len(v) for v in (above, below)]
    _, code = np.unique(np.concatenate(clusters), return_inverse=True)
    added = np.bincount(code, np.concatenate(parts))
    if len(added) < 2:
        raise UsageError("A variance needs examples of 2 clusters; there is 1.")
    return float(np.square(added).sum() * len(added) / (len(added) - 1))


def mean_auroc_interval(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]],
    level: float = 0.95,
    clusters: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Interval:
    """Mean AUROC over runs that scored overlapping examples, each given as (inliers, strangers).

    The variance is the mean of the runs' own, as if they shared all their noise, so the limits are
    wide rather than narrow; what runs have of their own noise only narrows the truth. ``clusters``
    are those of each pair, as in :func:`clustered_variance`; None where examples are independent.

    Raises:
        UsageError: no runs, or unusable scores (see
            :func:`~gengap.statistics.separation.metrics.separation`).
    """
    if not pairs:
        raise UsageError("There are no runs to average over; give at least one.")
    single = [auroc_interval(*pair, level) for pair in pairs]
    area = float(np.mean([interval.estimate for interval in single]))
    if clusters is not None and all(0 < interval.estimate < 1 for interval in single):
        of_clusters = [clustered_variance(*p, c) for p, c in zip(pairs, clusters, strict=True)]
        return area_limits(area, float(np.mean(of_clusters)), level)
    if area in (0.0, 1.0) or not all(interval.defined for interval in single):
        widest = min(single, key=lambda interval: interval.low)
        return Interval(area, widest.low, widest.high, level, widest.note)
    variances = [float(auroc_covariance(x, y)[0, 0]) for x, y in pairs]
    return area_limits(area, float(np.mean(variances)), level)
