"""The group-sequential permutation test of one pair of methods, at several levels at once.

What it computes is derived in :mod:`gengap.statistics.sequential`. Per level it keeps which
permutations ("paths") have been stopped; the data are path 0.
"""

from __future__ import annotations

import math

import numpy as np

from gengap.statistics.batch_permutations import BatchPermutations

_DOUBLINGS, _HALVINGS = 24, 14


class PairTest:
    """Advanced look by look.

    Args:
        a: ``(S,)`` scores of one method.
        b: ``(S,)`` scores of the other; lengths may differ.
        draws: permutations of each batch.
        alphas: ``(R,)`` levels, the largest first.
    """

    def __init__(
        self, a: np.ndarray, b: np.ndarray, draws: BatchPermutations, alphas: np.ndarray
    ) -> None:
        self.a, self.b, self.draws, self.alphas = a, b, draws, alphas
        self.looks = 0
        self.stopped = np.zeros((len(alphas), draws.count), dtype=bool)
        self.paths: list[np.ndarray] = []
        self.shifts: list[np.ndarray] = []

    @property
    def length(self) -> int:
        """Scores that both have."""
        return min(len(self.a), len(self.b))

    @property
    def runs(self) -> int:
        """Scores of each that were looked at."""
        return self.looks * self.draws.batch

    @property
    def estimate(self) -> float:
        """Mean difference of those scores, NaN before the first look."""
        if not self.looks:
            return math.nan
        return float(np.mean(self.a[: self.runs]) - np.mean(self.b[: self.runs]))

    @property
    def tolerance(self) -> float:
        """Within which two sums count as equal: they are taken in different orders."""
        return 1e-12 * float(np.abs(self.a[: self.runs]).sum() + np.abs(self.b[: self.runs]).sum())

    def look(self) -> None:
        """Take in the next batch."""
        now = slice(self.runs, self.runs + self.draws.batch)
        sums, shifts = self.draws.sums(self.looks, self.a[now], self.b[now])
        self.paths.append(sums + self.paths[-1] if self.looks else sums)
        self.shifts.append(shifts + self.shifts[-1] if self.looks else shifts)
        self.looks += 1
        statistic = np.abs(self.paths[-1])
        budgets = self.draws.budgets(self.alphas, self.looks)
        bounds = [
            _bound(statistic, *row) for row in zip(self.stopped, budgets.tolist(), strict=True)
        ]
        # Holm's procedure needs a test that stops at a larger level wherever it stops at a smaller.
        never_below_a_larger_level = np.maximum.accumulate(bounds)
        self.stopped |= statistic > never_below_a_larger_level[:, None] + self.tolerance

    def stops(self, level: int) -> bool:
        """Whether the data are stopped by now at level number ``level`` (from 0)."""
        return bool(self.stopped[level, 0])

    def rejects(self, shift: float, alpha: float) -> bool:
        """Whether the test would by now reject that the two differ by ``shift``."""
        stopped = np.zeros(self.draws.count, dtype=bool)
        tolerance = self.tolerance + 1e-12 * abs(shift) * self.runs
        for k, (path, shifts) in enumerate(zip(self.paths, self.shifts, strict=True)):
            statistic = np.abs(path - shift * shifts)
            budget = int(self.draws.budgets(np.array([alpha]), k + 1)[0])
            stopped |= statistic > _bound(statistic, stopped, budget) + tolerance
            if stopped[0]:
                return True
        return False

    def limit(self, sign: int, alpha: float) -> float:
        """The shift farthest above (``sign`` 1) or below (-1) the estimate that is not rejected."""
        spread = np.ptp(self.a[: self.runs]) + np.ptp(self.b[: self.runs])
        step = sign * max(float(spread) / self.runs, 1e3 * self.tolerance, 1e-300)
        inside = 0.0
        for doubling in range(_DOUBLINGS):
            outside = step * 2**doubling
            if self.rejects(self.estimate + outside, alpha):
                break
            inside = outside
        else:
            return math.nan
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if self.rejects(self.estimate + middle, alpha):
                outside = middle
            else:
                inside = middle
        return self.estimate + inside


def _bound(statistic: np.ndarray, stopped: np.ndarray, budget: int) -> float:
    """The smallest value of the paths ``(P,)`` not yet stopped above which few enough lie."""
    left = statistic[~stopped]
    place = len(left) - 1 - (budget - (len(statistic) - len(left)))
    return float(np.partition(left, place)[place])
