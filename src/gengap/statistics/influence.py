r"""Metrics that are no mean over examples, as a number for each example whose mean they are.

A metric ``T`` of ``n`` examples is a function of the weight that each has, and is the same if all
weights grow alike, so that its derivatives sum to 0 at equal weights (Euler). The numbers

    t_i = T + n dT/dw_i        at w_1 = ... = w_n = 1

therefore have the mean ``T``, exactly, and ``sum (t_i - T)^2 / n^2`` is the infinitesimal
jackknife's variance of ``T``; the covariance of two metrics of the same examples follows from both
their numbers alike. What pairs, clusters and averages examples can so do it with any metric. It
holds to first order: where a metric hangs on a handful of examples its variance is too small.

============================  ==================================================================
areas under ROC curves        DeLong's placements (E. R. DeLong, D. M. DeLong & D. L.
                              Clarke-Pearson, Biometrics 44 (1988), 837-845), scaled so that the
                              variance is theirs
ratios such as F1, kappa      the delta method
average precision             derivatives of the sum over positives of their precision
calibration error             each bin's sign times the excess of confidence: linear but for signs
concordance                   derivatives of two sums over pairs (F. E. Harrell, K. L. Lee & D. B.
                              Mark, Statistics in Medicine 15 (1996), 361-387)
anything else                 the jackknife that leaves out groups of unequal size (F. M. T. A.
                              Busing, E. Meijer & R. van der Leeden, Statistics and Computing 9
                              (1999), 3-8)
============================  ==================================================================

L. A. Jaeckel, The infinitesimal jackknife, Bell Laboratories memorandum (1972).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gengap.statistics.separation.metrics import placements

BINS = 15
GROUPS = 30
TIED = 1e-8  # risks closer than this are tied, as in scikit-survival
PAIRS = 1 << 22  # compared at once


def auroc_values(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of the area under the ROC curve, ties counted half; NaN without both kinds.

    Args:
        positive: ``(n,)`` bool.
        score: ``(n,)`` without NaN, larger is more positive.

    >>> print(auroc_values(np.array([False, True, True]), np.array([1.0, 0.5, 2.0])).mean())
    0.5
    """
    m, n = int(positive.sum()), len(positive)
    if not 0 < m < n:
        return np.full(n, np.nan)
    above, below = placements(score[~positive], score[positive])
    area = float(below.mean())
    found = np.empty(n)
    for own, values in ((positive, below), (~positive, above)):
        k = len(values)
        # So that n examples' sample variance is that of DeLong, which divides by k - 1.
        scale = math.sqrt(k / max(k - 1, 1) * (n - 1) / n)
        found[own] = area + scale * n / k * (values - area)
    return found


def average_precision_values(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of average precision, the mean precision at the positives' scores.

    NaN where no example is positive. Arguments as in :func:`auroc_values`.
    """
    m, n = int(positive.sum()), len(positive)
    if m == 0:
        return np.full(n, np.nan)
    order = np.argsort(-score, kind="stable")
    falling, hit = -score[order], positive[order].astype(np.float64)
    first = np.searchsorted(falling, falling, side="left")
    last = np.searchsorted(falling, falling, side="right") - 1
    found, above = hit.cumsum()[last], last + 1.0
    precision = found / above
    area = float((hit * precision).sum() / m)
    # An example counts above every positive at its own score or below.

    def from_here(values: np.ndarray) -> np.ndarray:
        return (hit * values)[::-1].cumsum()[::-1][first]

    slope = hit * (precision - area) + hit * from_here(1 / above) - from_here(precision / above)
    values = np.empty(n)
    values[order] = area + n / m * slope
    return values


def ratio_values(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of the mean of one quantity over that of another, by the delta method.

    NaN where the mean below is 0.
    """
    total = float(below.mean())
    if total == 0:
        return np.full(len(below), np.nan)
    ratio = float(above.mean()) / total
    return ratio + (above - ratio * below) / total


def f1_values(positive: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of F1 for truth and answers ``(n,)`` bool; NaN where neither has a yes."""
    together = positive.astype(np.float64) + answer
    return ratio_values(2.0 * (positive & answer), together)


def recall_values(target: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of the mean recall over the classes that the codes ``target (n,)`` have."""
    right = (target == answer).astype(np.float64)
    parts = [ratio_values(right * own, own * 1.0) for own in _each(target, np.unique(target))]
    return np.asarray(np.mean(parts, axis=0))


def root_values(square: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of the root of the mean of squares ``(n,)``, by the delta method."""
    mean = float(square.mean())
    if not mean > 0:
        return np.sqrt(square)
    return math.sqrt(mean) + (square - mean) / (2 * math.sqrt(mean))


def calibration_values(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Values ``(n,)`` of the expected calibration error in bins of equal width.

    The share-weighted mean over bins of the distance between confidence and accuracy (M. P. Naeini,
    G. F. Cooper & M. Hauskrecht, AAAI 2015; C. Guo, G. Pleiss, Y. Sun & K. Q. Weinberger, ICML
    2017). A sum of distances, it is larger than 0 by chance alone where bins hold few examples.

    Args:
        confidence: ``(n,)`` probability given to the answer, from 0 to 1.
        right: ``(n,)`` bool.
        bins: how many; the upper end of each belongs to it.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    excess = confidence - right
    return np.sign(np.bincount(place, excess, minlength=bins))[place] * excess


def kappa_values(target: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of Cohen's kappa with quadratic weights; NaN where all ranks are one.

    Args:
        target: ``(n,)`` ranks.
        answer: ``(n,)`` ranks.
    """
    x, y = target.astype(np.float64), answer.astype(np.float64)
    distance = (x - y) ** 2
    # What independent target and answer would have on average, and its derivatives.
    expected = float((x**2).mean() + (y**2).mean() - 2 * x.mean() * y.mean())
    if expected == 0:
        return np.full(len(x), np.nan)
    slope = x**2 + y**2 - 2 * y.mean() * x - 2 * x.mean() * y
    ratio = float(distance.mean()) / expected
    return 1 - ratio - (distance - distance.mean()) / expected + (
        ratio * (slope - slope.mean()) / expected
    )  # fmt: skip


def concordance_values(time: np.ndarray, died: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Values ``(n,)`` of Harrell's concordance; NaN where no two can be compared.

    Of two examples the one that died first should have the larger risk, ties counted half. They
    can be compared where the shorter time ended in a death, or times are equal and one died.

    Args:
        time: ``(n,)`` until death or the last look.
        died: ``(n,)`` bool; False where the last look found it alive.
        risk: ``(n,)`` larger is sooner.
    """
    n = len(time)
    pairs, good = np.zeros(n), np.zeros(n)
    step = max(1, PAIRS // max(n, 1))
    for start in range(0, n, step):
        own = slice(start, start + step)
        later = (time[own, None] < time) | ((time[own, None] == time) & ~died)
        compared = (later & died[own, None]).astype(np.float64)
        ahead = risk[own, None] - risk
        won = compared * np.where(np.abs(ahead) <= TIED, 0.5, ahead > 0)
        pairs[own] += compared.sum(1)
        good[own] += won.sum(1)
        pairs += compared.sum(0)
        good += won.sum(0)
    total = pairs.sum() / 2
    if total == 0:
        return np.full(n, np.nan)
    share = float(good.sum() / 2 / total)
    return share + n * (good - share * pairs) / total


def mean_over_classes(
    values: Callable[[np.ndarray, np.ndarray], np.ndarray],
    target: np.ndarray,
    columns: np.ndarray,
    classes: np.ndarray,
) -> np.ndarray:
    """Values ``(n,)`` of the mean over classes of a metric of one class against the rest.

    Args:
        values: of a metric, given who is of the class and one column.
        target: ``(n,)`` class codes.
        columns: ``(n, C)``, one for each class.
        classes: codes to average over; NaN without any.
    """
    if len(classes) == 0:
        return np.full(len(target), np.nan)
    found = [
        values(own, columns[:, k]) for k, own in zip(classes, _each(target, classes), strict=True)
    ]
    return np.asarray(np.mean(found, axis=0))


def jackknife_values(
    metric: Callable[[np.ndarray], float], unit: np.ndarray, groups: int = GROUPS
) -> np.ndarray:
    """Values ``(n,)`` of any metric, by leaving out one group of units at a time.

    Which unit is in which group is told from its number alone, so that two runs that are scored on
    the same examples are left without the same ones.

    Args:
        metric: the value on a mask of examples ``(n,)``, NaN where it has none.
        unit: ``(n,)`` numbers of what is independent: the example's own, or its cluster's.
        groups: at most; as many as units where these are fewer.

    Returns:
        values whose mean is the metric and whose variance is the jackknife's, should they be taken
        for those of independent units.
    """
    n, whole = len(unit), np.ones(len(unit), bool)
    value = metric(whole)
    names, place = np.unique(unit, return_inverse=True)
    units, count = len(names), min(groups, len(names))
    if math.isnan(value) or count < 2:
        return np.full(n, value)
    order = np.argsort(np.argsort(_scattered(names), kind="stable"), kind="stable")
    group = (order * count // units)[place]
    sizes = np.bincount(group, minlength=count)
    held = np.bincount(order * count // units, minlength=count)
    without = np.array([metric(group != k) for k in range(count)])
    share = n / sizes
    pseudo = share * value - (share - 1) * without
    known = np.isfinite(pseudo)
    if not known.any():
        return np.full(n, value)
    moved = np.where(known, pseudo - pseudo[known].mean(), 0.0)
    # Of all groups, where some leave nothing to be scored.
    moved *= math.sqrt(count / known.sum())
    moved *= np.sqrt(units * (units - 1) / (count * (units - held)))
    found = moved[group]
    return np.asarray(value + found - found.mean())


def _scattered(numbers: np.ndarray) -> np.ndarray:
    """Numbers from numbers, of which neighbours are far apart (a step of splitmix64)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed ^ (mixed >> np.uint64(27)))


def _each(target: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    """Who is of each class."""
    return [target == k for k in classes]
