"""Performance profiles: the share of runs above each threshold, with bands.

    share(tau) = mean over environments of the share of their runs with score > tau

A profile shows what one number hides: a method whose curve lies above another's at every threshold
is better in mean, interquartile mean and optimality gap; curves that cross name the thresholds
between which the order changes. The area above the curve up to a target is the optimality gap, and
the threshold at which it falls to one half is the median of all runs.

*Bands* come from drawing runs anew within each environment. Pointwise limits hold at one threshold
chosen beforehand. Simultaneous ones hold at all thresholds of the grid at once, which a statement
such as "above everywhere" needs: ``share +- c * sd``, with ``sd^2`` the mean over environments of
``p (1 - p) / (n - 1)`` over their number, and ``c`` the quantile over resamples of the largest
deviation at any threshold, in units of its bootstrap deviation.

*When it hurts.* Beyond the best and worst run there is nothing to draw from: the bands have no
width there, and cover too little on the way, the less so the more runs there are (docs/results.md).
Pointwise limits are also too narrow with few runs (:mod:`gengap.statistics.bootstrap`).

Sources: E. D. Dolan & J. J. More, Benchmarking optimization software with performance profiles,
Mathematical Programming 91 (2002), 201-213; R. Agarwal et al., Deep reinforcement learning at the
edge of the statistical precipice, NeurIPS 2021, arXiv 2108.13264; for the band J. L. Montiel Olea &
M. Plagborg-Moller, Simultaneous confidence bands, Journal of Applied Econometrics 34 (2019), 1-17.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from gengap.statistics import checks
from gengap.statistics.aggregates import score_table
from gengap.statistics.bootstrap import ONE_RUN, run_note
from gengap.statistics.intervals import check_level
from gengap.statistics.resampling import affordable, fewer_note, replicate, runs_first, tally


@dataclass(frozen=True, repr=False)
class Profile:
    """The share of runs above each threshold.

    Attributes:
        thresholds: ``(T,)`` ascending.
        share: ``(T,)`` shares of runs with a larger score.
        low: ``(T,)`` lower pointwise limits; NaN where limits cannot be had.
        high: ``(T,)`` upper pointwise limits.
        simultaneous_low: ``(T,)`` lower limits that hold at all thresholds at once.
        simultaneous_high: ``(T,)`` their upper limits.
        level: the confidence level of either band.
        note: what a reader must know about the bands, a sentence or empty.
    """

    thresholds: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    simultaneous_low: np.ndarray
    simultaneous_high: np.ndarray
    level: float = 0.95
    note: str = ""

    def __repr__(self) -> str:
        ends = f"{self.thresholds[0]:.4g} to {self.thresholds[-1]:.4g}"
        note = f", note={self.note!r}" if self.note else ""
        return f"Profile({len(self.thresholds)} thresholds {ends}, {100 * self.level:g}%{note})"


def performance_profile(
    scores: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> Profile:
    """One method's profile.

    Args:
        scores: ``(E, S)`` scores, larger is better, NaN for missing runs.
        thresholds: ``(T,)`` in any order; 101 evenly spaced ones from the worst score to the best
            by default. To compare methods give all of them the same.
        replicates: resamples behind the bands; fewer, with a note, for very many runs.
        level: the confidence level.
        seed: of the resamples.
        threads: how many work at a time, 0 for one per core; the digits do not depend on it.

    Raises:
        UsageError: an unusable table or thresholds.

    Example:
        >>> performance_profile([[0.2, 0.6], [0.4, 0.8]], [0.1, 0.5, 0.9]).share
        array([1. , 0.5, 0. ])
    """
    check_level(level)
    table = score_table(scores, 2)
    grid = _grid(table, thresholds)
    # All that a profile needs of a run is how many thresholds it exceeds.
    runs, sizes = runs_first(table)
    beaten = np.searchsorted(grid, np.where(np.isnan(runs), -np.inf, runs))
    shares = _shares(beaten, sizes, len(grid))
    share = shares.mean(axis=0)
    note = run_note(sizes)
    if note == ONE_RUN:
        none = np.full_like(share, np.nan)
        return Profile(grid, share, none, none, none, none, level, note)
    # A resampled profile is then the product of fixed weights with how often each run was drawn.
    weights = _weights(beaten, sizes, len(grid))

    def resampled(draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        counts = tally(draws).reshape(-1, draws.shape[2]).astype(np.float64)
        return _above(weights @ counts)

    few = affordable(replicates, int(sizes.sum()))
    note = " ".join(filter(None, [note, fewer_note(few, replicates)]))
    drawn = replicate(resampled, sizes, few, seed, "profile", threads=threads, exact=False)
    low, high = np.quantile(
        drawn.values, [(1 - level) / 2, (1 + level) / 2], axis=1, method="inverted_cdf"
    )
    half = _half_width(shares, sizes[:, None], drawn.values, level)
    joint = np.clip(share - half, 0, 1), np.clip(share + half, 0, 1)
    return Profile(grid, share, low, high, *joint, level, note)


def _grid(table: np.ndarray, thresholds: ArrayLike | None) -> np.ndarray:
    if thresholds is None:
        return np.linspace(np.nanmin(table), np.nanmax(table), 101)
    return np.sort(checks.numbers(thresholds, "Thresholds"))


def _shares(beaten: np.ndarray, sizes: np.ndarray, thresholds: int) -> np.ndarray:
    """Each environment's share of runs above each threshold ``(E, T)``.

    Args:
        beaten: ``(E, S)`` how many thresholds each run exceeds, 0 where it is missing.
        sizes: ``(E,)`` numbers of runs.
        thresholds: ``T``.
    """
    cells = beaten + np.arange(len(sizes))[:, None] * (thresholds + 1)
    counts = np.bincount(cells.ravel(), minlength=len(sizes) * (thresholds + 1))
    return _above(counts.reshape(len(sizes), -1)[:, 1:].T).T / sizes[:, None]


def _weights(beaten: np.ndarray, sizes: np.ndarray, thresholds: int) -> sparse.csr_array:
    """From counts of the runs ``(E S,)`` to the mean share that exceeds just so many thresholds.

    ``(T, E S)``, one entry per run: a product with it costs no more for more thresholds.
    """
    weights = np.broadcast_to(1 / (sizes * len(sizes))[:, None], beaten.shape)[beaten > 0]
    place = beaten[beaten > 0] - 1, np.flatnonzero(beaten)
    return sparse.csr_array((weights, place), shape=(thresholds, beaten.size))


def _above(shares: np.ndarray) -> np.ndarray:
    """From ``(T, ...)`` that exceed just 1 .. T thresholds to those above each threshold."""
    return np.cumsum(shares[::-1], axis=0)[::-1]


def _half_width(
    shares: np.ndarray, sizes: np.ndarray, drawn: np.ndarray, level: float
) -> np.ndarray:
    """Half the simultaneous band's width ``(T,)``.

    Args:
        shares: ``(E, T)`` each environment's.
        sizes: ``(E, 1)`` numbers of runs.
        drawn: ``(T, B)`` resampled mean shares.
        level: the confidence level.
    """
    spread = shares * (1 - shares) / len(shares) ** 2
    bootstrap = np.sqrt(np.sum(spread / sizes, axis=0))
    varies = bootstrap > 1e-9
    if not varies.any():
        return np.zeros_like(bootstrap)
    deviation = np.abs(drawn - shares.mean(axis=0)[:, None])[varies] / bootstrap[varies, None]
    factor = np.quantile(deviation.max(axis=0), level, method="inverted_cdf")
    return factor * np.sqrt(np.sum(spread / np.maximum(sizes - 1, 1), axis=0))
