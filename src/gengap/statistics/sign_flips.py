"""The reference set of a sign-flip test: the flipped sets' means, and what they say of any shift.

If ``n`` differences are symmetric around ``theta``, every choice of signs for ``d_i - theta`` was
equally likely. With ``A`` the set of flipped units and ``w`` positive weights, the flipped sum is
at least the observed one exactly when ``sum_A w_i (d_i - theta) <= 0``, that is when the weighted
mean of ``A`` is at most ``theta``. So the means of all ``2^n - 1`` non-empty sets answer for every
``theta`` at once:

    P(flipped >= observed) = (1 + #{A: mean(A) <= theta}) / 2^n

and the limits of the interval are order statistics of these means. Up to 20 units all sets are
listed. Beyond, ``B`` random sets with their complements and the observed signs stand for them; the
two-sided p-value is then ``(1 + b) / (1 + B)``, which is exact in its own right, whatever ``B``.

Source: J. A. Hartigan, Using subsample values as typical values, Journal of the American
Statistical Association 64 (1969), 1303-1317.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

ALL_SETS_UP_TO = 20


class SignFlips(NamedTuple):
    """The flipped sets of a sign-flip test.

    Attributes:
        means: weighted means of the flipped sets, ascending, without empty sets.
        empty: how many of the sets were empty (the observed signs themselves are one).
        pairs: number of pairs of a set and its complement.
    """

    means: np.ndarray
    empty: int
    pairs: int

    def share_below(self, shift: float) -> float:
        """One-sided p-value of "the mean is at most ``shift``"."""
        below = int(np.searchsorted(self.means, shift + self._slack(shift), side="right"))
        return (self.empty + below) / (2 * self.pairs)

    def share_above(self, shift: float) -> float:
        """One-sided p-value of "the mean is at least ``shift``"."""
        below = int(np.searchsorted(self.means, shift - self._slack(shift), side="left"))
        above = len(self.means) - below
        return (self.empty + above) / (2 * self.pairs)

    def limits(self, level: float) -> tuple[float, float]:
        """The least and greatest shift not rejected at ``1 - level``; NaN where all are kept."""
        # The 1e-9 keeps (1 - level) * pairs an integer where it is one on paper.
        place = math.floor((1 - level) * self.pairs + 1e-9) - self.empty + 1
        if place < 1:
            return math.nan, math.nan
        return float(self.means[place - 1]), float(self.means[-place])

    def two_sided(self) -> float:
        """Two-sided p-value of 0."""
        return min(1.0, 2 * min(self.share_below(0.0), self.share_above(0.0)))

    def _slack(self, shift: float) -> float:
        """What rounding may do to a mean: scores are decimals, and their ties must stay ties."""
        return 1e-12 * (abs(shift) + float(np.abs(self.means[[0, -1]]).max()))


def sign_flips(values: np.ndarray, weights: np.ndarray, permutations: int, seed: int) -> SignFlips:
    """All flipped sets of up to 20 units, random ones with their complements beyond.

    Args:
        values: ``(n,)`` differences.
        weights: ``(n,)`` positive weights of the units in the mean.
        permutations: number of random sets.
        seed: of the random sets.
    """
    if permutations < 1:
        raise UsageError(f"permutations is {permutations}; give a positive number, e.g. 9999.")
    if len(values) <= ALL_SETS_UP_TO:
        means, pairs = _means_of_all_sets(values, weights), 2 ** (len(values) - 1)
    else:
        means, pairs = _means_of_random_sets(values, weights, permutations, seed), permutations + 1
    return SignFlips(sorted_means(means, values), 2 * pairs - len(means), pairs)


def _means_of_all_sets(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means of the ``2^n - 1`` non-empty sets, each unit doubling those before it."""
    totals, sizes = np.zeros(1), np.zeros(1)
    for value, weight in zip(values, weights, strict=True):
        totals = np.concatenate([totals, totals + weight * value])
        sizes = np.concatenate([sizes, sizes + weight])
    return np.asarray(totals[1:] / sizes[1:])


def _means_of_random_sets(
    values: np.ndarray, weights: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Weighted means of the full set and of ``count`` pairs of a set and its complement."""
    means = [np.array([np.average(values, weights=weights)])]
    rng = generator(seed, "sign flips")
    for start in range(0, count, 1_000):
        flipped = rng.random((min(1_000, count - start), len(values))) < 0.5
        sets = np.concatenate([flipped, ~flipped])
        sets = sets[sets.any(axis=1)]
        means.append((sets @ (weights * values)) / (sets @ weights))
    return np.concatenate(means)


def sorted_means(means: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means in order; those that are 0 but for rounding are 0, so that limits and p agree."""
    return np.sort(np.where(np.abs(means) <= 1e-12 * np.abs(values).max(), 0.0, means))
