"""Compare methods batch by batch and stop training those whose comparisons are decided.

Problem: how many seeds tell two methods apart is known only afterwards, and testing after every
batch until something is significant finds a difference where there is none. A group-sequential
permutation test looks ``K`` times, after every batch of ``n`` scores per method, with a statistic
that holds all batches so far,

    T_k = |sum_{i <= k} (sum of a's batch i - sum of b's batch i)|,

and its distribution over permutations within the batches. Each permutation is a path
``T_1, ..., T_K``. The bound at look ``k`` is the smallest above which lie so few of the paths that
no earlier bound has stopped that at most the share ``alpha k / K`` of all is stopped by then. The
data are one of the paths, each equally likely when a and b are distributed alike, so they are then
stopped with a chance of at most ``alpha``, whatever that distribution and however few the scores.
Where there are
too many permutations a seeded sample that holds the data stands for them, which keeps this exact.

*Paired* scores come from the same seed or split: the labels of a and b are swapped within a seed.
Otherwise they are dealt anew among the ``2n`` scores of a batch.

*Several comparisons.* Holm's step-down: with ``r`` undecided, each is tested at ``alpha / r``. That
needs tests which stop at a larger ``alpha`` whatever they stop at a smaller; a bound is therefore
never below that of a larger level. As each test needs only its own two methods to be alike, the
chance of any false decision is at most ``alpha`` whichever methods differ. The paper takes the
maximum over undecided comparisons instead, which is exact only when all methods are alike and lets
the noisiest method drown the others.

*When it hurts.* Methods of equal means that are not distributed alike are told apart too often: of
unlike spread in 8% of simulated comparisons at 5% where scores are not paired (6% where they are),
and where one method collapses in a tenth of its runs and the other is steady, in 30%: five runs
show no collapse more often than not, and no test can know. What does show is that such methods are
unlike: a :attr:`Decision.caveat` says where one's scores vary over :data:`UNLIKE` times as much as
the other's, or are lopsided beyond two standard errors of the skewness of normal ones, and what is
decided without one holds (docs/calibration.md). Where a rare failure matters, train a fixed number
of seeds that is large enough to show it.

It helps where some methods differ much: they are decided early. It does not where all are alike:
they use every look, and being undecided is no proof of being equal, so there is no early acceptance
here (the paper's is an option that is off by default). Where a decision came early the estimate
tends to be too large. Its limits do allow for the looks: they hold the shifts that the same
sequential test would not reject (repeated confidence intervals).

Sources: T. Mathieu et al., AdaStop: adaptive statistical testing for sound comparisons of Deep RL
agents, arXiv 2306.10882 (2023); W. Maurer & F. Bretz, Multiple testing in group sequential trials
using graphical approaches, Statistics in Biopharmaceutical Research 5 (2013), 311-320; C. Jennison
& B. W. Turnbull, Interim analyses: the repeated confidence interval approach, Journal of the Royal
Statistical Society B 51 (1989), 305-361.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.batch_permutations import BatchPermutations
from gengap.statistics.crossed_means import skewness, skewness_error
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.pair_test import PairTest

Pair = tuple[str, str]
Order = Literal["larger", "smaller", "undecided"]

UNLIKE = 2.0
NO_LIMITS = "Too few scores for limits at this level."
VARY = (
    "The scores of one vary over twice as much as those of the other: the chance of a false "
    "decision is larger than stated."
)
LOPSIDED = "Scores are lopsided: the chance of a false decision is larger than stated."


@dataclass(frozen=True)
class Decision:
    """What is known of two methods.

    Attributes:
        first: the one.
        second: the other.
        order: whether the scores of ``first`` are larger; undecided where that cannot be told.
        looks: looks used, up to the decision.
        runs: scores of each of the two used.
        difference: mean of ``first`` minus mean of ``second``, with limits that allow for the looks
            and, as Holm's test does, for the other comparisons; they exclude 0 where decided.
        caveat: why the chance of a false decision may be larger than stated, or empty.
    """

    first: str
    second: str
    order: Order
    looks: int
    runs: int
    difference: Interval
    caveat: str = ""


@dataclass(frozen=True)
class SequentialComparison:
    """All decisions so far, in the order of the pairs.

    Attributes:
        decisions: one per pair.
        needed: scores that each method must have for the next look; empty when finished.
    """

    decisions: tuple[Decision, ...]
    needed: Mapping[str, int]

    @property
    def finished(self) -> bool:
        """Whether everything is decided or every look used."""
        return not self.needed

    @property
    def undecided(self) -> tuple[Pair, ...]:
        """The pairs not told apart."""
        return tuple((d.first, d.second) for d in self.decisions if d.order == "undecided")


def compare_sequentially(
    scores: Mapping[str, ArrayLike],
    *,
    batch: int = 5,
    looks: int = 6,
    level: float = 0.95,
    paired: bool = False,
    pairs: Sequence[Pair] | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> SequentialComparison:
    """Replay all looks that the scores allow, and say who needs more.

    The same scores give the same decisions however they arrived, so a comparison that was stopped
    goes on by calling this again with more of them. Call it until it is ``finished``::

        while not (now := compare_sequentially(scores)).finished:
            for name, number in now.needed.items():
                scores[name] = train(name, seeds=number)

    Args:
        scores: by method its scores ``(S,)`` in the order of the seeds; lengths may differ. Those
            beyond a method's last decision are not looked at.
        batch: scores per method and look.
        looks: the largest number of looks.
        level: 1 minus the chance of any false decision.
        paired: whether position ``s`` of every method comes from the same seed.
        pairs: who is compared with whom; None for everyone with everyone.
        permutations: how many are drawn where there are more in all looks together.
        seed: of these draws.

    Raises:
        UsageError: unusable scores or pairs, or a design that could never decide anything.

    Example:
        >>> now = compare_sequentially({"a": [1, 2, 3, 4, 5], "b": [21, 22, 23, 24, 25]}, looks=2)
        >>> now.decisions[0].order, now.decisions[0].runs
        ('smaller', 5)
    """
    check_level(level)
    tables = {name: _scores(name, values) for name, values in scores.items()}
    chosen = list(combinations(tables, 2)) if pairs is None else list(pairs)
    _check_pairs(chosen, tables)
    draws = BatchPermutations(batch, looks, paired, permutations, seed)
    alphas = (1 - level) / np.arange(1, len(chosen) + 1)
    draws.check_can_decide(float(alphas[-1]))
    tests = {pair: PairTest(tables[pair[0]], tables[pair[1]], draws, alphas) for pair in chosen}
    step = {pair: len(chosen) for pair in chosen}  # Holm's step at which a pair was judged
    undecided = list(chosen)
    for look in range(1, looks + 1):
        due = [pair for pair in undecided if tests[pair].length >= look * batch]
        for pair in due:
            tests[pair].look()
        # A decision leaves fewer comparisons, each at a larger level by Holm's step-down: that may
        # decide more at the same look.
        hit = due
        while hit:
            hit = [
                pair for pair in due if pair in undecided and tests[pair].stops(len(undecided) - 1)
            ]
            step.update(dict.fromkeys(undecided, len(undecided)))
            undecided = [pair for pair in undecided if pair not in hit]
    return SequentialComparison(
        tuple(
            _decision(pair, tests[pair], float(alphas[step[pair] - 1]), pair not in undecided)
            for pair in chosen
        ),
        _needed(undecided, tests, batch, looks),
    )


def _decision(pair: Pair, test: PairTest, alpha: float, decided: bool) -> Decision:
    estimate = test.estimate
    low, high = (test.limit(sign, alpha) if test.looks else math.nan for sign in (-1, 1))
    if math.isnan(low + high):
        difference = Interval(estimate, math.nan, math.nan, 1 - alpha, NO_LIMITS)
    else:
        # The bounds of a decision may lie above those of a single level, never below.
        if not decided:
            low, high = min(low, 0.0), max(high, 0.0)
        difference = Interval(estimate, low, high, 1 - alpha)
    order: Order = "undecided"
    if decided:
        order = "larger" if estimate > 0 else "smaller"
    return Decision(*pair, order, test.looks, test.runs, difference, _caveat(test))


def _caveat(test: PairTest) -> str:
    """What the scores looked at show of methods that are not distributed alike."""
    if test.runs < 3:
        return ""
    a, b = (scores[: test.runs] for scores in (test.a, test.b))
    paired = test.draws.paired
    low, high = sorted((float(a.std()), float(b.std())))
    if not paired and high > UNLIKE * low:
        return VARY
    seen = (a - b,) if paired else (a, b)
    error = float(skewness_error(test.runs))
    return LOPSIDED * any(abs(float(skewness(values))) > 2 * error for values in seen)


def _needed(
    undecided: list[Pair], tests: Mapping[Pair, PairTest], batch: int, looks: int
) -> dict[str, int]:
    needed: dict[str, int] = {}
    for pair in undecided:
        if tests[pair].looks < looks:
            for name in pair:
                needed[name] = max(needed.get(name, 0), (tests[pair].looks + 1) * batch)
    return needed


def _scores(name: str, values: ArrayLike) -> np.ndarray:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 1 or not np.isfinite(table).all():
        raise UsageError(f"The scores of {name} must be a list of finite numbers, one per seed.")
    return table


def _check_pairs(pairs: Sequence[Pair], names: Mapping[str, np.ndarray]) -> None:
    if not pairs:
        raise UsageError("There is nothing to compare; give the scores of at least two methods.")
    for pair in pairs:
        unknown = [name for name in pair if name not in names]
        if unknown:
            raise UsageError(f"There are no scores of {unknown[0]}; give them or leave it out.")
        if pair[0] == pair[1]:
            raise UsageError(f"{pair[0]} is compared with itself; name two different methods.")
    if len({frozenset(pair) for pair in pairs}) < len(pairs):
        raise UsageError("A pair of methods is named twice; name each pair once.")
