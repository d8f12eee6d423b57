"""One number for many environments and runs: mean, median, interquartile mean, optimality gap.

A method has scores ``x_es``, larger is better: environment ``e`` of ``E``, run ``s`` of ``S``. With
``m_e`` the mean of environment ``e`` over its runs,

    mean                 mean over e of m_e
    median               median over e of m_e
    interquartile mean   mean of the middle half of all E * S scores
    optimality gap       target - mean over e and s of min(x_es, target); smaller is better

The mean follows one outlying environment. The median is blind to all but the middle environments,
and often the noisiest. The interquartile mean (IQM) is a compromise: it ignores the best and worst
quarter of runs, and with them the environments nobody or everybody solves. The optimality gap
ignores what exceeds the target. Scores must be on one scale across environments, as accuracies are
and returns are only after normalising.

The IQM is ``scipy.stats.trim_mean(scores, 0.25)``: of ``n`` scores ``floor(n / 4)`` are dropped on
either side, whole ones only, so that of 6 scores the middle 4 count and of 3 all.

*Missing runs* are NaN. Mean, median and optimality gap weigh environments equally however many runs
they have; the IQM weighs the runs that are there.

Source: R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville, M. G. Bellemare, Deep reinforcement
learning at the edge of the statistical precipice, NeurIPS 2021, arXiv 2108.13264.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


def mean(scores: ArrayLike) -> np.ndarray:
    """The mean over environments of their means: ``(..., E, S)`` to ``(...)``.

    Raises:
        UsageError: no table, an infinite score, an environment without a score.

    Example:
        >>> float(mean([[1.0, 3.0], [6.0, np.nan]]))
        4.0
    """
    return environment_means(score_table(scores)).mean(axis=-1)


def median(scores: ArrayLike) -> np.ndarray:
    """The median over environments of their means; shapes and errors as in :func:`mean`."""
    return np.median(environment_means(score_table(scores)), axis=-1)


def interquartile_mean(scores: ArrayLike) -> np.ndarray:
    """The mean of the middle half of all scores; shapes and errors as in :func:`mean`."""
    values, count, cut = _pooled(score_table(scores))
    position = np.arange(values.shape[-1])
    middle = (position >= cut[..., None]) & (position < (count - cut)[..., None])
    return np.sum(values, axis=-1, where=middle) / (count - 2 * cut)


def optimality_gap(scores: ArrayLike, target: float = 1.0) -> np.ndarray:
    """How far runs fall short of ``target`` on average; shapes and errors as in :func:`mean`."""
    return target - environment_means(np.minimum(score_table(scores), target)).mean(axis=-1)


AGGREGATES: Mapping[str, Callable[[ArrayLike], np.ndarray]] = MappingProxyType(
    {
        "mean": mean,
        "median": median,
        "interquartile mean": interquartile_mean,
        "optimality gap": optimality_gap,
    }
)
"""The aggregates by name. All but the optimality gap are larger for the better method."""


def winsorised(scores: np.ndarray) -> np.ndarray:
    """Scores ``(..., E, S)`` whose mean varies as the IQM does, to first order.

    Every score beyond the middle half is moved to its edge, and all are stretched by
    ``n / (n - 2 floor(n / 4))`` (J. W. Tukey & D. H. McLaughlin, Less vulnerable confidence and
    significance procedures for location based on a single sample, Sankhya A 25 (1963), 331-352).
    """
    values, count, cut = _pooled(scores)
    low = np.take_along_axis(values, cut[..., None], axis=-1)[..., None]
    high = np.take_along_axis(values, (count - cut - 1)[..., None], axis=-1)[..., None]
    return np.clip(scores, low, high) * (count / (count - 2 * cut))[..., None, None]


def environment_means(scores: np.ndarray) -> np.ndarray:
    """Means over runs ``(..., E)`` of ``(..., E, S)``, missing runs left out."""
    there = ~np.isnan(scores)
    return np.sum(scores, axis=-1, where=there) / there.sum(axis=-1)


def score_table(scores: ArrayLike, axes: int = 0) -> np.ndarray:
    """Scores as a float array ``(..., E, S)`` with at least one score in every environment.

    Args:
        scores: the table.
        axes: how many it must have, 2 of one method or 3 of several; 0 for any.

    Raises:
        UsageError: fewer than two axes or others than asked for, an empty or infinite table, an
            environment without a score.
    """
    try:
        table = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("Scores must be a table of numbers, environments x runs.") from None
    if table.ndim < 2 or table.size == 0:
        raise UsageError(
            f"Scores have shape {table.shape}; give a table of environments x runs with an entry."
        )
    if axes and table.ndim != axes:
        wanted = {2: "one method's, environments x runs", 3: "methods x environments x runs"}[axes]
        raise UsageError(f"Scores have shape {table.shape}; give {wanted}.")
    if np.isinf(table).any():
        raise UsageError("Scores hold an infinite value; leave it out as NaN or repair the run.")
    empty = np.isnan(table).all(axis=-1)
    if empty.any():
        raise UsageError(
            f"Environment {int(np.argwhere(empty)[0, -1])} has no score;"
            " run it or leave it out for every method."
        )
    return table


def _pooled(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All scores sorted ``(..., E * S)``, NaN last; how many there are; how many to trim a side."""
    values = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    count = np.sum(~np.isnan(values), axis=-1)
    return values, count, count // 4
