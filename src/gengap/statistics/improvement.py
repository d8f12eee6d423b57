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

*When it hurts.* Where one method won every pair all resamples agree, and the interval has no width;
its note says so. With 3 runs of each that happens by luck alone in 1 environment of 10.

Sources: H. B. Mann & D. R. Whitney, On a test of whether one of two random variables is
stochastically larger than the other, Annals of Mathematical Statistics 18 (1947), 50-60; as a
measure over environments R. Agarwal et al., Deep reinforcement learning at the edge of the
statistical precipice, NeurIPS 2021, arXiv 2108.13264.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.errors import UsageError
from gengap.statistics.aggregates import score_table
from gengap.statistics.bootstrap import run_note
from gengap.statistics.bootstrap_limits import percentile
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.resampling import Replicates, replicate, runs_first, tally

UNANIMOUS = "Every pair of runs agrees: the bootstrap cannot see how often others would not."


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
        level: the confidence level of the percentile limits.
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
    tables = _methods(scores)
    M = len(tables)
    above = [(i, j) for i in range(M) for j in range(i + 1, M)]
    rows = [[Interval(0.5, 0.5, 0.5, level)] * M for _ in range(M)]
    for (i, j), won in zip(above, _pairs(tables, above, replicates, level, seed), strict=True):
        rows[i][j] = won
        rows[j][i] = Interval(1 - won.estimate, 1 - won.high, 1 - won.low, level, won.note)
    return rows


def improvement_over_baseline(
    scores: ArrayLike,
    baseline: int = 0,
    *,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Interval]:
    """The probability of improvement of each method over one of them, which has one half itself.

    Arguments and errors as in :func:`pairwise_improvement`; ``baseline`` is a position among the
    methods.
    """
    check_level(level)
    tables = _methods(scores)
    if not 0 <= baseline < len(tables):
        raise UsageError(f"baseline is {baseline}; give a position from 0 to {len(tables) - 1}.")
    others = [i for i in range(len(tables)) if i != baseline]
    won = _pairs(tables, [(i, baseline) for i in others], replicates, level, seed)
    won.insert(baseline, Interval(0.5, 0.5, 0.5, level))
    return won


def _methods(scores: ArrayLike) -> list[np.ndarray]:
    table = score_table(scores)
    if table.ndim != 3:
        raise UsageError(f"Scores have shape {table.shape}; give methods x environments x runs.")
    return list(table)


def _pairs(
    tables: list[np.ndarray],
    pairs: list[tuple[int, int]],
    replicates: int,
    level: float,
    seed: int,
) -> list[Interval]:
    """Intervals for the named pairs of tables ``(E, S_i)``."""
    methods = [runs_first(table) for table in tables]
    counts = [
        replicate(
            lambda draws, rng: tally(draws).astype(np.float64),
            sizes,
            replicates,
            seed,
            f"improvement {i}",
            exact=False,
        ).values
        for i, (_, sizes) in enumerate(methods)
    ]
    intervals = []
    for i, j in pairs:
        (first, sizes), (second, others) = methods[i], methods[j]
        wins = _wins(first, second) / (sizes * others * len(sizes))[:, None, None]
        estimate = float(wins.sum())
        if max(sizes.max(), others.max()) == 1:
            note = run_note(sizes)
            intervals.append(Interval(estimate, math.nan, math.nan, level, note))
            continue
        shares = np.sum((wins.transpose(0, 2, 1) @ counts[i]) * counts[j], axis=(0, 1))
        unanimous = not 0 < round(estimate, 12) < 1
        note = UNANIMOUS if unanimous else run_note(np.concatenate([sizes, others]))
        low, high = percentile(Replicates(shares, None), level)
        intervals.append(Interval(estimate, low, high, level, note))
    return intervals


def _wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``(E, S1, S2)``: 1 where the first's run wins, 0.5 for a tie, 0 also where one is missing."""
    x, y = first[:, :, None], second[:, None, :]
    return (x > y) + 0.5 * (x == y)
