"""Score tables as votes: ranks within each environment, and who beats whom how often.

A score table is ``(M, E)``: methods in environments, larger is better, NaN = missing. Everything
here takes leading axes as well, ``(..., M, E)``, so that a thousand resampled tables cost one call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


class Votes(NamedTuple):
    """One or many score tables with what the rules need of them.

    Attributes:
        table: ``(..., M, E)`` scores, NaN = missing.
        ranks: ``(..., M, E)`` ranks within each environment, 1 = best, ties share the mean rank.
        wins: ``(..., M, M)`` environments in which the row beats the column, ties as a half.
    """

    table: np.ndarray
    ranks: np.ndarray
    wins: np.ndarray


def score_table(scores: ArrayLike) -> np.ndarray:
    """The scores as ``(M, E)`` floats, seeds averaged; raises UsageError for unusable ones."""
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim not in (2, 3) or table.shape[0] < 2 or table.size == 0:
        raise UsageError(
            "Ranking needs scores of at least 2 methods, as (methods, environments) or (methods,"
            f" environments, seeds), not an array of shape {table.shape}."
        )
    if np.isinf(table).any():
        raise UsageError("Scores must be finite, with NaN where one is missing; some are infinite.")
    table = seed_means(table) if table.ndim == 3 else table
    met = ~np.isnan(table)
    if not linked(met.astype(np.float64) @ met.T):
        raise UsageError(
            "Not all methods are linked by environments they share, so they have no common"
            " ranking; score them in common environments or rank each linked set by itself."
        )
    return table


def seed_means(scores: np.ndarray) -> np.ndarray:
    """Means over the last axis of what is not NaN; NaN where nothing is."""
    present = ~np.isnan(scores)
    number = present.sum(axis=-1)
    total = np.where(present, scores, 0.0).sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def shared_ranks(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Ranks along an axis, 1 = largest; ties share the mean rank and NaN stays NaN.

    Values within rounding of each other are tied, since equal means summed in another order differ
    in the last digit.
    """
    falling = -np.moveaxis(values, axis, -1)
    order = np.argsort(falling, axis=-1, kind="stable")
    ordered = np.take_along_axis(falling, order, axis=-1)
    largest = np.fmax.reduce(np.abs(ordered), axis=-1, keepdims=True)
    starts = np.ones(ordered.shape, dtype=bool)
    starts[..., 1:] = np.diff(ordered, axis=-1) > 1e-12 * largest
    place = np.arange(1, ordered.shape[-1] + 1)
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    # NaN sort last and must not stretch the last group: they get a first place of their own.
    missing = np.isnan(ordered)
    ends = np.ones(ordered.shape, dtype=bool)
    ends[..., :-1] = starts[..., 1:] | missing[..., 1:]
    falling_ends = np.where(ends, place, ordered.shape[-1])[..., ::-1]
    last = np.minimum.accumulate(falling_ends, axis=-1)[..., ::-1]
    ranks = np.empty(ordered.shape)
    np.put_along_axis(ranks, order, np.where(missing, np.nan, (first + last) / 2), axis=-1)
    return np.moveaxis(ranks, -1, axis)


def count_votes(table: np.ndarray) -> Votes:
    """Ranks within environments and pairwise wins of tables ``(..., M, E)``."""
    ranks = shared_ranks(table, axis=-2)
    M = table.shape[-2]
    strict = np.stack(
        [np.sum(ranks[..., i : i + 1, :] < ranks, axis=-1) for i in range(M)], axis=-2
    )
    present = (~np.isnan(ranks)).astype(np.float64)
    common = present @ np.swapaxes(present, -1, -2)
    wins = (common + strict - np.swapaxes(strict, -1, -2)) / 2 * (1 - np.eye(M))
    return Votes(table, ranks, wins)


def linked(edges: np.ndarray) -> np.ndarray:
    """Whether every node of ``(..., M, M)`` graphs reaches every other along edges, ``(...)``."""
    M = edges.shape[-1]
    reach = (edges > 0) | np.eye(M, dtype=bool)
    for _ in range(max(M - 1, 1).bit_length()):
        reach = reach.astype(np.float32) @ reach.astype(np.float32) > 0
    return np.asarray(reach.all(axis=(-1, -2)))
