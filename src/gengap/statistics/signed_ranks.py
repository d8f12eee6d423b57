"""Wilcoxon's signed ranks: their exact null distribution, and the averages that invert the test.

Rank the sizes ``|d_i|``, zeros included, ties sharing their mean rank; then drop the zeros (Pratt).
Under symmetry around 0 each remaining rank is positive with chance 1/2, independently, so the sum
of the positive ones has the distribution of ``sum_i r_i B_i`` with fair coins ``B_i``: a
convolution of ``n`` two-point distributions, exact with zeros and ties. Without either, the sum of
positive ranks of ``d - theta`` is the number of Walsh averages ``(d_i + d_j) / 2, i <= j``, above
``theta`` (Tukey's observation), so the shifts that are not rejected lie between two of them.

Beyond 300 values the sum is taken as normal with mean ``sum r_i / 2`` and variance
``sum r_i^2 / 4``.

Source: J. W. Pratt, Remarks on zeros and ties in the Wilcoxon signed rank procedures, Journal of
the American Statistical Association 54 (1959), 655-667.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

from gengap.statistics.sign_flips import sorted_means

EXACT_UP_TO = 300


def signed_ranks(values: np.ndarray) -> np.ndarray:
    """Twice the signed midranks ``(n,)``, which are integers; 0 for zeros."""
    largest = float(np.abs(values).max())
    # To twelve digits of the largest, so that ties between decimal scores are ties.
    digits = np.rint(values * (1e12 / largest)) if largest else values
    doubled = np.rint(2 * stats.rankdata(np.abs(digits))).astype(np.int64)
    return np.asarray(np.sign(digits).astype(np.int64) * doubled)


def rank_sum_p_value(ranks: np.ndarray) -> float:
    """Two-sided p-value of "symmetric around 0" given :func:`signed_ranks`."""
    sizes = np.abs(ranks[ranks != 0])
    above = int(ranks[ranks > 0].sum())
    lesser = min(above, int(sizes.sum()) - above)
    return min(1.0, 2 * float(_chance_of_at_most(sizes)[lesser]))


def walsh_averages(values: np.ndarray) -> np.ndarray:
    """The ``n (n + 1) / 2`` averages of two values or one, ascending."""
    first, second = np.triu_indices(len(values))
    return sorted_means((values[first] + values[second]) / 2, values)


def walsh_limits(averages: np.ndarray, n: int, level: float) -> tuple[float, float]:
    """Least and greatest shift kept by the test of ``n`` untied values; NaN where all are.

    Args:
        averages: ``(n (n + 1) / 2,)`` ascending, from :func:`walsh_averages`.
        n: how many values there were.
        level: the confidence level.
    """
    chances = _chance_of_at_most(np.arange(1, n + 1))
    place = int(np.searchsorted(chances, (1 - level) / 2, side="right"))
    if place == 0:
        return math.nan, math.nan
    return float(averages[place - 1]), float(averages[-place])


def _chance_of_at_most(ranks: np.ndarray) -> np.ndarray:
    """``P(sum of the positive ranks <= t)`` for ``t = 0, 1, ..., sum(ranks)``."""
    total = int(ranks.sum())
    if len(ranks) > EXACT_UP_TO:
        deviation = math.sqrt(float(np.sum(ranks.astype(np.float64) ** 2))) / 2
        return np.asarray(special.ndtr((np.arange(total + 1) - total / 2) / deviation))
    chance = np.zeros(total + 1)
    chance[0], reached = 1.0, 0
    for rank in ranks.tolist():
        halved = chance[: reached + 1] / 2
        chance[: reached + 1] = halved
        chance[rank : rank + reached + 1] += halved
        reached += rank
    return np.cumsum(chance)
