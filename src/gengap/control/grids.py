"""What families of grid levels share: moves, what is seen of a grid, and tables as levels."""

from __future__ import annotations

import numpy as np

from gengap.control.behaviour import logged
from gengap.control.levels import Levels, levels_of
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables

# Rows down and columns to the right.
MOVES = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}


def windows(filled: np.ndarray, place: np.ndarray, reach: int) -> np.ndarray:
    """What is filled around each place, ``(L, S, (2 reach + 1)²)`` bytes; beyond the grid it is.

    Args:
        filled: ``(L, height, width)`` bool.
        place: ``(L, S, 2)`` row and column.
        reach: cells seen in each direction.
    """
    wide = np.pad(filled, ((0, 0), (reach, reach), (reach, reach)), constant_values=True)
    around = np.arange(2 * reach + 1)
    row = place[..., 0, None, None] + around[:, None]
    column = place[..., 1, None, None] + around
    found = wide[np.arange(len(filled))[:, None, None, None], row, column]
    return found.reshape(*place.shape[:2], -1).astype(np.uint8)


def offsets(difference: np.ndarray, most: int) -> np.ndarray:
    """One-hots of row and column differences between ``-most`` and ``most``, as bytes.

    Args:
        difference: ``(L, S, 2)``; differences beyond are seen as the largest.
    """
    codes = np.clip(difference, -most, most) + most
    return np.eye(2 * most + 1, dtype=np.uint8)[codes].reshape(*difference.shape[:2], -1)


def as_levels(tables: LevelTables, name: str, kind: str, data: str, seed: int) -> Levels:
    """Units of compiled levels: each start of each level, with one logged episode."""
    levels, starts = tables.start.shape
    level = np.repeat(np.arange(levels), starts)
    start = tables.start.ravel()
    arena = TableArena(tables, level, start)
    distance = _distance(arena)
    factors = tables.factors.iloc[level].reset_index(drop=True).assign(distance=distance)
    everywhere = np.arange(len(level))
    random = np.full(tables.next_state.shape, 1 / len(tables.actions), np.float32)
    even = arena.scored(tables, random, level, start, "success").mean()
    best = arena.expert_scores(everywhere, "success").mean()
    return levels_of(
        level,
        logged(tables, level, start, data, seed),
        arena,
        names=tables.factors["level"].to_list(),
        actions=tables.actions,
        name=name,
        kind=kind,
        factors=factors,
        notes=(
            f"The log was written by {_WRITERS[data]}. Of all starts the expert succeeds from "
            f"{best:.1%} within {tables.horizon} actions, and acting at random from {even:.1%}.",
        ),
    )


_WRITERS = {
    "expert": "the expert",
    "suboptimal": "somebody short-sighted, who knows the way only when close and wanders elsewhere",
    "mixed": "the expert and somebody short-sighted by turns",
    "replay": "somebody who learnt meanwhile",
    "random": "somebody who acts at random",
}


def _distance(arena: TableArena) -> np.ndarray:
    """Actions that the expert takes from each unit's start to its reward, as its value tells."""
    worth = arena.values.max(-1)[arena.level, arena.start]
    with np.errstate(divide="ignore"):
        steps = np.log(np.maximum(worth, 1e-9)) / np.log(arena.tables.discount)
    return np.round(steps).astype(np.int64) + 1
