"""Permutations within batches of scores: all of them where they are few, else a seeded sample.

A permutation is a row of signs. Among the ``2n`` scores of two methods, ``n`` get a plus and ``n``
a minus; among ``n`` paired differences any may be turned round. The difference of the permuted sums
is then the product of signs and scores. The first row leaves the data as they are. A draw for one
batch is independent of those for the others, so paths over batches can be extended as they arrive.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product
from math import comb

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator


class BatchPermutations:
    """Sums of two methods' scores under permutations within each of ``looks`` batches.

    Args:
        batch: scores per method in a batch, ``n``.
        looks: batches, ``K``.
        paired: whether the scores of the two methods come in pairs.
        permutations: number of draws where there are more permutations than this.
        seed: of the draws.

    Raises:
        UsageError: a number that is not a whole number of at least 1.
    """

    def __init__(self, batch: int, looks: int, paired: bool, permutations: int, seed: int) -> None:
        check_whole(batch=batch, looks=looks, permutations=permutations)
        self.batch, self.looks, self.paired, self.seed = batch, looks, paired, seed
        self.per_batch = 2**batch if paired else comb(2 * batch, batch)
        self.total = self.per_batch**looks
        self.complete = self.total <= permutations
        self.count = self.total if self.complete else permutations

    def sums(self, number: int, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Permuted ``sum(a) - sum(b)`` of batch ``number`` (from 0), and what a shift adds to it.

        Args:
            number: which batch.
            a: ``(n,)`` scores of one method.
            b: ``(n,)`` scores of the other.

        Returns:
            ``(P,)`` sums, the first of the data, and ``(P,)`` what they grow by when all of ``a``
            grow by 1.
        """
        signs, n = self._signs(number), self.batch
        if self.paired:
            return signs @ (a - b), signs.sum(axis=1)
        together = np.concatenate([a, b])
        # Signs of a row sum to 0, so the mean may go; without it less is lost to rounding.
        return signs @ (together - together.mean()), signs[:, :n].sum(axis=1)

    def budgets(self, alphas: np.ndarray, look: int) -> np.ndarray:
        """How many permutations ``(R,)`` may be stopped by a look (from 1) at each level."""
        return np.floor(alphas * look / self.looks * self.count + 1e-9).astype(int)

    def check_can_decide(self, alpha: float) -> None:
        """Raise :class:`UsageError` where no data could be told apart at ``alpha``."""
        # A permutation and its mirror image give the same statistic.
        if self.total * alpha < 2 - 1e-9:
            raise UsageError(
                f"{self.batch * self.looks} scores per method are too few to tell so many methods "
                "apart at this level; allow more looks or larger batches."
            )
        if self.count * alpha < 1:
            raise UsageError(
                f"{self.count} permutations are too few for so many comparisons at this level; "
                f"draw at least {int(np.ceil(1 / alpha))}."
            )

    def _signs(self, number: int) -> np.ndarray:
        key = self.batch, self.paired, number
        if self.complete:
            return _enumerated(*key, self.count)
        return _drawn(*key, self.count, self.seed)


@lru_cache(maxsize=16)
def _enumerated(batch: int, paired: bool, number: int, count: int) -> np.ndarray:
    """Row ``p`` holds batch ``number``'s part of permutation ``p`` of all batches, ``(P, w)``."""
    patterns = np.array(
        list(product([1.0, -1.0], repeat=batch)) if paired else _halves(batch), dtype=np.float64
    )
    return patterns[np.arange(count) // len(patterns) ** number % len(patterns)]


@lru_cache(maxsize=16)
def _drawn(batch: int, paired: bool, number: int, count: int, seed: int) -> np.ndarray:
    draw = generator(seed, "permutations within a batch", number)
    if paired:
        signs = draw.integers(0, 2, (count, batch)) * 2.0 - 1
        signs[0] = 1
    else:
        data = np.repeat([1.0, -1.0], batch)
        signs = draw.permuted(np.tile(data, (count, 1)), axis=1)
        signs[0] = data
    return signs


def _halves(batch: int) -> list[list[float]]:
    """All ways to give half of ``2 batch`` scores a plus, that of the data first."""
    places = range(2 * batch)
    return [[1.0 if p in plus else -1.0 for p in places] for plus in combinations(places, batch)]
