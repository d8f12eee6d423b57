"""Probability of improvement: how often a run of one method beats a run of another.

In an environment with runs ``x_1 .. x_n`` of the first method and ``y_1 .. y_m`` of the second,
``P(X > Y) + P(X = Y) / 2`` is estimated by the share of the ``n m`` pairs that the first wins, a
tie being half a win: the Mann-Whitney statistic over ``n m``. The probability of improvement is its
mean over environments. One half means no difference. It needs no common scale and no outlier moves
it, but it does not say by how much the better is better: a gain of 0.1 points in every run is 1.

Runs are drawn anew within each environment, for each method by itself. With ``a`` and ``b``
counting how often each run was drawn and ``W`` the table of wins, a resample's share is
``a W b / (n m)``: two small products in place of a comparison of all pairs. Runs of two methods
that share a seed share luck too, which these intervals ignore; they are then too wide as a rule.

*Very many runs.* Where the tables of wins of all pairs together exceed :data:`MOST_WINS`, limits
are normal. With ``u_i`` the share of the second's runs that ``x_i`` beats, ``v_j`` the share of the
first's that beat ``y_j`` (their *placements*), an environment's share has the variance

    var(u) / n + var(v) / m

which needs sorted runs only. A method's only run in an environment adds nothing to it.

*When it hurts.* Where one method won every pair all resamples agree, and the interval has no width;
its note says so. With 3 runs of each that happens by luck alone in 1 environment of 10.

Sources: H. B. Mann & D. R. Whitney, On a test of whether one of two random variables is
stochastically larger than the other, Annals of Mathematical Statistics 18 (1947), 50-60; as a
measure over environments R. Agarwal et al., Deep reinforcement learning at the edge of the
statistical precipice, NeurIPS 2021, arXiv 2108.13264; for the variance E. R. DeLong, D. M. DeLong
& D. L. Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
characteristic curves, Biometrics 44 (1988), 837-845.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.aggregates import score_table
from gengap.statistics.bootstrap import run_note
from gengap.statistics.bootstrap_limits import Limits, percentile
from gengap.statistics.intervals import Interval, check_level, student
from gengap.statistics.resampling import Replicates, replicate, runs_first, tally
from gengap.statistics.separation.metrics import placements

MOST_WINS = 10**7
"""Pairs of runs, over environments and pairs of methods, up to which limits are resampled."""
DRAWS_PER_BLOCK = 2**22
"""More than cache holds: a block reads every table of wins once."""
UNANIMOUS = "Every pair of runs agrees: the bootstrap cannot see how often others would not."
NORMAL = "Normal limits from the variance of placements: runs are too many to resample."


def seed_improvement(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Interval:
    """The same where a seed is common to all environments: limits over seeds, by the jackknife.

    What a seed does to all environments at once makes runs drawn anew within each too narrow.

    Args:
        first: ``(E, S)`` of one method, no score missing, two seeds or more.
        second: ``(E, S)`` of the other.
        level: the confidence level.
    """
    x, y = (np.asarray(scores, dtype=np.float64) for scores in (first, second))
    S = x.shape[1]
    wins = (1 + np.sign(x[:, :, None] - y[:, None, :])).mean(axis=0) / 2  # (S, S)
    # The mean without seed s, of both: the whole sum less its row and its column.
    without = wins.sum() - wins.sum(axis=0) - wins.sum(axis=1) + np.diag(wins)
    without = without / (S - 1) ** 2
    variance = (S - 1) / S * float(np.sum((without - without.mean()) ** 2))
    return student(float(wins.mean()), variance, S - 1, level).within(0.0, 1.0)


def probability_of_improvement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """How often a run of the first method beats one of the second in the same environment.

    Args:
        first: ``(E, S1)`` scores, larger is better, NaN for missing runs.
        second: ``(E, S2)`` scores of the other method in the same environments.
        replicates: resamples.
        level: the confidence level of the limits, percentiles or normal (see the module).
        seed: of the resamples.

    Returns:
        A mean over environments between 0 and 1; limits are NaN, with the reason in the note, where
        neither method has a second run anywhere.

    Raises:
        UsageError: unusable tables, or of different numbers of environments.

    Example:
        >>> probability_of_improvement([[1, 2, 3, 4, 5]], [[0, 1, 2, 3, 4]]).estimate
        0.68
    """
    check_level(level)
    tables = [score_table(first), score_table(second)]
    if any(table.ndim != 2 for table in tables) or len(tables[0]) != len(tables[1]):
        raise UsageError(
            f"Scores have shapes {tables[0].shape} and {tables[1].shape};"
            " give two tables, environments x runs, of the same environments."
        )
    return _pairs(tables, [(0, 1)], replicates, level, seed)[0]


def pairwise_improvement(
    scores: ArrayLike, *, replicates: int = 2000, level: float = 0.95, seed: int = 0
) -> list[list[Interval]]:
    """The probability of improvement of each method over each other, ``[i][j]`` for i over j.

    A method has one half over itself, without limits to speak of. Limits hold for a pair at a time.

    Args:
        scores: ``(M, E, S)`` scores, NaN for missing runs.
        replicates: resamples of each method, shared by its pairs.
        level: the confidence level.
        seed: of the resamples.

    Raises:
        UsageError: an unusable table.
    """
    check_level(level)
    tables = list(score_table(scores, 3))
    M = len(tables)
    above = [(i, j) for i in range(M) for j in range(i + 1, M)]
    rows = [[Interval(0.5, 0.5, 0.5, level)] * M for _ in range(M)]
    for (i, j), won in zip(above, _pairs(tables, above, replicates, level, seed), strict=True):
        rows[i][j] = won
        rows[j][i] = Interval(1 - won.estimate, 1 - won.high, 1 - won.low, level, won.note)
    return rows


def _pairs(
    tables: list[np.ndarray],
    pairs: list[tuple[int, int]],
    replicates: int,
    level: float,
    seed: int,
) -> list[Interval]:
    """Intervals for the named pairs of tables ``(E, S_i)``."""
    methods = [runs_first(table) for table in tables]
    widths = [runs.shape[1] for runs, _ in methods]
    if sum(widths[i] * widths[j] for i, j in pairs) * len(tables[0]) > MOST_WINS:
        return _normal_pairs(methods, pairs, level)
    wins = []
    for i, j in pairs:
        (first, sizes), (second, others) = methods[i], methods[j]
        wins.append(_wins(first, second) / (sizes * others * len(sizes))[:, None, None])
    drawn = _resampled_shares(wins, pairs, methods, replicates, seed)
    intervals = []
    for (i, j), won, shares in zip(pairs, wins, drawn, strict=True):
        estimate, limits = float(won.sum()), percentile(Replicates(shares, None), level)
        intervals.append(_interval(estimate, limits, methods[i][1], methods[j][1], level))
    return intervals


def _resampled_shares(
    wins: list[np.ndarray],
    pairs: list[tuple[int, int]],
    methods: list[tuple[np.ndarray, np.ndarray]],
    replicates: int,
    seed: int,
) -> np.ndarray:
    """Shares of wins ``(P, B)``; one resample of a method serves all its pairs."""
    sizes = np.concatenate([sizes for _, sizes in methods])

    def shares(draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        counts = tally(draws).astype(np.float64).reshape(len(methods), -1, *draws.shape[1:])
        own = [c[:, : runs.shape[1]] for c, (runs, _) in zip(counts, methods, strict=True)]
        return np.stack(
            [
                np.sum((won.transpose(0, 2, 1) @ own[i]) * own[j], axis=(0, 1))
                for won, (i, j) in zip(wins, pairs, strict=True)
            ]
        )

    block = max(1, DRAWS_PER_BLOCK // (len(sizes) * int(sizes.max())))
    drawn = replicate(shares, sizes, replicates, seed, "improvement", exact=False, block=block)
    return drawn.values


def _normal_pairs(
    methods: list[tuple[np.ndarray, np.ndarray]], pairs: list[tuple[int, int]], level: float
) -> list[Interval]:
    """Normal limits, held between 0 and 1, from the variance of placements."""
    z = float(special.ndtri((1 + level) / 2))
    intervals = []
    for i, j in pairs:
        rows = zip(*methods[i], *methods[j], strict=True)
        parts = [_share_and_variance(x[:n], y[:m]) for x, n, y, m in rows]
        estimate, variance = np.mean(parts, axis=0) / [1, len(parts)]
        half = z * math.sqrt(variance)
        limits = Limits(max(0.0, estimate - half), min(1.0, estimate + half))
        own = _interval(float(estimate), limits, methods[i][1], methods[j][1], level)
        note = " ".join(filter(None, [NORMAL * own.defined, own.note]))
        intervals.append(replace(own, note=note))
    return intervals


def _share_and_variance(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The share of pairs that ``x`` wins over ``y``, and its variance."""
    beaten_by, beats = placements(y, x)
    noise = sum(float(p.var(ddof=1)) / len(p) for p in (beats, beaten_by) if len(p) > 1)
    return float(beats.mean()), noise


def _interval(
    estimate: float, limits: Limits, sizes: np.ndarray, others: np.ndarray, level: float
) -> Interval:
    """An interval with its note; no limits where neither method has a second run anywhere."""
    if max(sizes.max(), others.max()) == 1:
        return Interval(estimate, math.nan, math.nan, level, run_note(sizes))
    unanimous = not 0 < round(estimate, 12) < 1
    note = UNANIMOUS if unanimous else run_note(np.concatenate([sizes, others]))
    return Interval(estimate, *limits, level, note)


def _wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``(E, S1, S2)``: 1 where the first's run wins, 0.5 for a tie, 0 also where one is missing."""
    x, y = first[:, :, None], second[:, None, :]
    return (x > y) + 0.5 * (x == y)
