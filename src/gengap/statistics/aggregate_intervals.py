"""Bootstrap intervals of mean, median, interquartile mean and optimality gap, all four at once.

Runs are drawn anew within each environment, as in R. Agarwal et al., Deep reinforcement learning at
the edge of the statistical precipice, NeurIPS 2021, arXiv 2108.13264, or environments are: see
:mod:`gengap.statistics.bootstrap`. Limits over runs need no resampled tables, only how often each
run was drawn. With ``c`` these counts in the order of the ``n`` pooled scores
``x_(1) <= .. <= x_(n)``, ``C_i = c_1 + .. + c_i`` and ``k = floor(n / 4)``, the trimmed sum is

    sum_i x_(i) (G_i - G_{i-1}) = (n - k) x_(n) - k x_(1) - sum_{i<n} G_i (x_(i+1) - x_(i))

with ``G_i`` the ``C_i`` held between ``k`` and ``n - k``: no resample is ever sorted.

*Studentised limits* need a measure ``s`` of noise in closed form. With ``v_e`` the variance over
the ``n_e`` runs of an environment of weight ``w_e``, ``s^2 = sum_e w_e^2 v_e / n_e``; over
environments, ``s^2`` is the variance of their shares in the mean. For the mean that is exact. For
the optimality gap it is taken of ``min(x, target)``, for the IQM of winsorised scores
(:func:`~gengap.statistics.aggregates.winsorised`). The median has no smooth variance and takes the
mean's.

*Which to use.* With few runs percentile and BCa limits hold too seldom, studentised ones as often
as they say (docs/results.md), but for the median: it jumps from environment to environment, which
either correction takes for bias. So: studentised limits for the other three where runs are few,
percentile limits for the median.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.aggregates import (
    AGGREGATES,
    environment_means,
    optimality_gap,
    winsorised,
)
from gengap.statistics.bootstrap import (
    Design,
    Kind,
    Statistic,
    Unit,
    has_limits,
    limits,
    one_method,
    resampled,
)
from gengap.statistics.intervals import Interval, student
from gengap.statistics.resampling import (
    Replicates,
    affordable,
    fewer_note,
    replicate,
    runs_first,
    tally,
)

JUMPS = "A median jumps between environments: such limits hold less often than percentile ones."


def aggregate_intervals(
    scores: ArrayLike,
    *,
    kind: Kind = "percentile",
    unit: Unit = "seed",
    replicates: int = 2000,
    level: float = 0.95,
    target: float = 1.0,
    seed: int = 0,
    threads: int = 0,
) -> dict[str, Interval]:
    """Intervals of mean, median, interquartile mean and optimality gap, by these names.

    Args:
        scores: ``(E, S)`` one method's scores, larger is better, NaN for missing runs.
        kind: how limits are found from the resamples.
        unit: what is drawn anew.
        replicates: resamples; where fewer than these are distinct, each is visited once. Fewer,
            with a note, for very many runs.
        level: the confidence level.
        target: of the optimality gap, which alone of the four is smaller for better methods.
        seed: of the resamples. They are the same for all four, so their noise is shared.
        threads: how many work at a time, 0 for one per core; the digits do not depend on it.

    Returns:
        Intervals with NaN limits, and the reason in the note, where there is one unit to draw from.

    Raises:
        UsageError: an unusable table or option.

    Example:
        >>> aggregate_intervals([[0.1, 0.3], [0.5, 0.5], [0.8, 0.6]])["mean"]
        Interval(0.4667, 0.4 to 0.5333, 95%, note='Fewer than 10 runs in some environment: ...')
    """
    design = Design(kind, unit, replicates, level, seed, threads)
    table = one_method(scores, design)
    design = design._replace(replicates=affordable(replicates, int(np.sum(~np.isnan(table)))))
    statistics: dict[str, Statistic] = {
        **AGGREGATES,
        "optimality gap": partial(optimality_gap, target=target),
    }
    noises = _noises(unit, target)
    if not has_limits(table, unit):
        drawn = None
    elif unit == "seed":
        drawn = _counted_aggregates(table, target, design)
    else:
        functions = [*statistics.values(), *(noises.values() if kind == "studentised" else [])]
        drawn = resampled(table, functions, design)
    fewer = fewer_note(design.replicates, replicates) if drawn else ""
    intervals = {}
    for k, (name, statistic) in enumerate(statistics.items()):
        own = drawn and Replicates(drawn.values[k :: len(statistics)], drawn.weights)
        interval = limits(table, statistic, noises[name], own, design)
        jumps = JUMPS * (name == "median" and kind != "percentile" and interval.defined)
        notes = filter(None, [interval.note, jumps, fewer])
        intervals[name] = replace(interval, note=" ".join(notes))
    return intervals


def seed_aggregates(
    scores: np.ndarray, level: float = 0.95, target: float = 1.0
) -> dict[str, Interval]:
    """The same four where a seed is common to all environments: Student's limits over seeds.

    Such runs are not independent, so runs drawn anew within each environment would give limits that
    are too narrow; each seed's own aggregate is one observation.

    Args:
        scores: ``(E, S)`` without missing runs, two seeds or more.
        level: the confidence level.
        target: of the optimality gap.
    """
    seeds = scores.shape[1]
    statistics: dict[str, Statistic] = {
        **AGGREGATES,
        "optimality gap": partial(optimality_gap, target=target),
    }
    found = {}
    for name, statistic in statistics.items():
        own = np.array([float(statistic(scores[:, [s]])) for s in range(seeds)])
        variance = float(own.var(ddof=1)) / seeds
        found[name] = student(float(statistic(scores)), variance, seeds - 1, level)
    return found


def _counted_aggregates(table: np.ndarray, target: float, design: Design) -> Replicates:
    """The four aggregates of resampled runs, from how often each run was drawn.

    ``(4, B)``, or ``(8, B)`` with their noises where limits are studentised.
    """
    runs, sizes = runs_first(table)
    there = ~np.isnan(runs)
    scores = np.where(there, runs, 0.0)
    per_run = np.stack([scores, np.minimum(scores, target)], axis=1) / sizes[:, None, None]
    pooled = np.flatnonzero(there)[np.argsort(runs[there], kind="stable")]
    values = runs.ravel()[pooled]
    total, cut = len(values), len(values) // 4
    steps = np.diff(values)
    noises = _counted_noises(runs, sizes, target) if design.kind == "studentised" else None

    def aggregates(draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        counts = tally(draws)
        times = counts.astype(np.float64)
        means, capped = np.moveaxis(per_run @ times, 1, 0)
        # Draws at or below each score in order, within the middle half: summing by parts turns
        # the trimmed mean into one product with the steps between neighbouring scores.
        below = np.cumsum(
            counts.reshape(-1, counts.shape[-1])[pooled[:-1]],
            axis=0,
            dtype=np.min_scalar_type(total),
        )
        inside = np.clip(below, cut, total - cut).astype(np.float64)
        middle = values[-1] * (total - cut) - values[0] * cut - steps @ inside
        found = [
            means.mean(axis=0),
            np.median(means, axis=0),
            middle / (total - 2 * cut),
            target - capped.mean(axis=0),
        ]
        if noises is not None:
            # The middle half begins and ends at the first scores with more draws below than these.
            ends = [
                values[[np.searchsorted(column, k, "right") for column in below.T]]
                for k in (cut, total - cut - 1)
            ]
            found += noises(times, *ends)
        return np.stack(found)

    return replicate(
        aggregates, sizes, design.replicates, design.seed, "runs", threads=design.threads
    )


def _counted_noises(
    runs: np.ndarray, sizes: np.ndarray, target: float
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]]:
    """:func:`_noises` over seeds as a function of how often each run was drawn ``(E, S, B)``.

    The function also takes the scores ``(B,)`` at which the middle half begins and ends.
    """
    # Measured from within each environment, where sums of squares lose fewest digits.
    centres = np.nanmedian(runs, axis=1, keepdims=True)
    scores = np.where(np.isnan(runs), centres, runs)
    plain = scores - centres
    capped = np.minimum(scores, target) - np.minimum(centres, target)
    powers = np.stack([plain, plain**2, capped, capped**2], axis=1)
    equal = 1 / len(sizes) ** 2 / np.maximum(sizes - 1, 1) / sizes
    total = sizes.sum()
    by_runs = sizes / np.maximum(sizes - 1, 1) / (total - 2 * (total // 4)) ** 2

    def noises(times: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
        sums, squares, capped_sums, capped_squares = np.moveaxis(powers @ times, 1, 0)
        held = np.clip(scores[..., None], low, high) - np.clip(centres[..., None], low, high)
        held_sums = np.einsum("esb,esb->eb", times, held)
        held_squares = np.einsum("esb,esb,esb->eb", times, held, held)
        mean = np.sqrt(equal @ _spread(sums, squares, sizes))
        middle = np.sqrt(by_runs @ _spread(held_sums, held_squares, sizes))
        gap = np.sqrt(equal @ _spread(capped_sums, capped_squares, sizes))
        return [mean, mean, middle, gap]

    return noises


def _spread(sums: np.ndarray, squares: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums of squared deviations ``(E, B)`` from sums and sums of squares over the runs drawn."""
    spread = squares - sums**2 / sizes[:, None]
    # What rounding leaves where one score was drawn again and again is no spread.
    return np.where(spread > 1e-12 * squares, spread, 0.0)


def _noises(unit: Unit, target: float) -> dict[str, Statistic]:
    """A measure of each aggregate's noise, by name."""
    return {
        "mean": partial(_noise, unit=unit),
        "median": partial(_noise, unit=unit),
        "interquartile mean": lambda x: _noise(winsorised(x), unit, by_runs=True),
        "optimality gap": lambda x: _noise(np.minimum(x, target), unit),
    }


def _noise(tables: np.ndarray, unit: Unit, *, by_runs: bool = False) -> np.ndarray:
    """Standard error ``(B,)`` of the weighted mean of ``(B, E, S)``, from the spread of ``unit``.

    Environments weigh equally, or by their runs.
    """
    there = ~np.isnan(tables)
    runs = there.sum(axis=2)
    weights = runs / runs.sum(axis=1, keepdims=True) if by_runs else 1 / tables.shape[1]
    means = environment_means(tables)
    if unit == "seed":
        squares = np.sum((tables - means[..., None]) ** 2, axis=2, where=there)
        return np.sqrt(np.sum(weights**2 * squares / np.maximum(runs - 1, 1) / runs, axis=1))
    E = tables.shape[1]
    shares = weights * (means - np.sum(weights * means, axis=1, keepdims=True))
    return np.sqrt(E / (E - 1) * np.sum(shares**2, axis=1))
