"""What families of grid levels share: free cells, moves between them, and what is seen of a grid.

A level's cells are numbered row by row among those that are free, so that the states of walking in
it are these numbers. Levels of several sizes stand in the upper left of arrays as large as the
largest, the rest of which is wall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.control.tables import NEVER, LevelTables

# Rows down and columns to the right.
MOVES = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}


@dataclass(frozen=True, eq=False)
class Cells:
    """The free cells of ``L`` grids.

    Attributes:
        free: ``(L, height, width)`` bool, walls all around.
    """

    free: np.ndarray

    @cached_property
    def number(self) -> np.ndarray:
        """``(L, height, width)`` number of each free cell; of a wall, any."""
        return (np.cumsum(self.free.reshape(len(self.free), -1), 1) - 1).reshape(self.free.shape)

    @property
    def count(self) -> np.ndarray:
        """``(L,)`` free cells."""
        return self.number[:, -1, -1] + 1

    @cached_property
    def place(self) -> np.ndarray:
        """``(L, C, 2)`` row and column of each number, 0 where a level has fewer."""
        level, row, column = np.nonzero(self.free)
        found = np.zeros((len(self.free), int(self.count.max()), 2), np.int64)
        found[level, self.number[level, row, column]] = np.stack([row, column], 1)
        return found

    @cached_property
    def beside(self) -> np.ndarray:
        """``(L, C, 4)`` the cell that each move leads to; a wall is not walked into."""
        level, row, column = np.nonzero(self.free)
        at = self.number[level, row, column]
        found = np.zeros((*self.place.shape[:2], len(MOVES)), np.int64)
        for move, (down, right) in enumerate(MOVES.values()):
            to = level, row + down, column + right
            found[level, at, move] = np.where(self.free[to], self.number[to], at)
        return found

    def of(self, drawn: np.ndarray) -> np.ndarray:
        """``(L, C)`` what is drawn ``(L, height, width)`` in each free cell."""
        row, column = self.place[..., 0], self.place[..., 1]
        return drawn[np.arange(len(drawn))[:, None], row, column]


def walk_tables(
    cells: Cells,
    goal: np.ndarray,
    start: np.ndarray,
    *,
    reach: int,
    horizon: int,
    factors: pd.DataFrame,
    slip: np.ndarray | float = 0.0,
) -> LevelTables:
    """Walking to a goal, having seen the walls around and the way the goal lies.

    Args:
        cells: where one can walk.
        goal: ``(L,)`` numbers of cells, where the episode ends with a reward of 1.
        start: ``(L, N)`` numbers of cells.
        reach: cells seen in each direction.
        horizon: moves after which an episode is cut off.
        factors: ``L`` rows.
        slip: chance that a random move is made in place of the one chosen.
    """
    onward, place = cells.beside, cells.place
    real = np.arange(onward.shape[1]) < cells.count[:, None]
    end = (onward == goal[:, None, None]) & real[..., None]
    aim = place[np.arange(len(place)), goal]
    most = max(cells.free.shape[1:]) - 3
    seen = np.concatenate(
        [windows(~cells.free, place, reach), offsets(aim[:, None] - place, most)], -1
    )
    seen[~real] = 0
    return LevelTables(
        onward.astype(np.int16), end.astype(np.float32), end, seen, cells.count, start, horizon,
        tuple(MOVES), factors, np.asarray(slip, np.float32).reshape(-1),
    )  # fmt: skip


def as_pictures(tables: LevelTables, cells: Cells, goal: np.ndarray) -> LevelTables:
    """The same levels seen whole from above, the agent in the middle, and the search for the goal.

    A picture ``(2, side, side)`` shows walls, which is all there is beyond the level, and the goal.
    The search goes from the goal to all cells beside those it has come to, and so on.
    """
    place, reach = cells.place, max(cells.free.shape[1:]) - 3
    drawn = np.zeros(cells.free.shape, bool)
    aim = place[np.arange(len(place)), goal]
    drawn[np.arange(len(place)), aim[:, 0], aim[:, 1]] = True
    walls = windows(~cells.free, place, reach)
    goals = windows(drawn, place, reach, beyond=False)
    far = np.full(cells.free.shape, NEVER, np.uint8)
    level, row, column = np.nonzero(cells.free)
    at = level, row, column
    far[at] = _steps(cells, goal)[level, cells.number[at]]
    side = 2 * reach + 1
    shape = *place.shape[:2], side, side
    seen = np.stack([walls.reshape(shape), goals.reshape(shape)], 2)
    search = _around(far, place, reach, NEVER).reshape(shape)
    seen[~tables.real], search[~tables.real] = 0, NEVER
    return replace(tables, observation=seen, search=search)


def _steps(cells: Cells, goal: np.ndarray) -> np.ndarray:
    """``(L, C)`` bytes, cells between each and the goal, the goal included."""
    every = np.arange(len(goal))
    found = np.full(cells.place.shape[:2], NEVER - 1, np.int64)
    found[every, goal] = 0
    while True:
        beside = found[every[:, None, None], cells.beside].min(-1)
        nearer = np.minimum(found, beside + 1)
        if (nearer == found).all():
            return np.where(found == NEVER - 1, NEVER, found).astype(np.uint8)
        found = nearer


def windows(
    filled: np.ndarray,
    place: np.ndarray,
    reach: int,
    grid: np.ndarray | None = None,
    *,
    beyond: bool = True,
) -> np.ndarray:
    """What is filled around each place, ``(L, S, (2 reach + 1)²)`` bytes.

    Args:
        filled: ``(G, height, width)`` bool.
        place: ``(L, S, 2)`` row and column.
        reach: cells seen in each direction.
        grid: ``(L, S)`` which grid each place is in; unless given, there is one per level.
        beyond: whether what lies beyond the grid counts as filled.
    """
    return _around(filled, place, reach, beyond, grid).astype(np.uint8)


def _around(
    values: np.ndarray, place: np.ndarray, reach: int, beyond: int, grid: np.ndarray | None = None
) -> np.ndarray:
    """What stands around each place in grids ``(G, height, width)``; see :func:`windows`."""
    wide = np.pad(values, ((0, 0), (reach, reach), (reach, reach)), constant_values=beyond)
    side = 2 * reach + 1
    around = np.lib.stride_tricks.sliding_window_view(wide, (side, side), (1, 2))
    grid = np.arange(len(values))[:, None] if grid is None else grid
    return around[grid, place[..., 0], place[..., 1]].reshape(*place.shape[:2], -1)


def offsets(difference: np.ndarray, most: int) -> np.ndarray:
    """One-hots of row and column differences between ``-most`` and ``most``, as bytes.

    Args:
        difference: ``(L, S, 2)``; differences beyond are seen as the largest.
    """
    codes = np.clip(difference, -most, most) + most
    return np.eye(2 * most + 1, dtype=np.uint8)[codes].reshape(*difference.shape[:2], -1)


def crossed(numbers: np.ndarray, factors: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Values of factors by the levels' numbers, every combination of them equally often.

    Args:
        numbers: ``(L,)`` of levels.
        factors: the values that each takes.
    """
    found, rest = {}, numbers
    for name, values in factors.items():
        found[name] = np.asarray(values)[rest % len(values)]
        rest = rest // len(values)
    return pd.DataFrame(found)


def inside(sizes: np.ndarray) -> np.ndarray:
    """``(L, most, most)`` bool, what lies within walls around grids of some sizes ``(L,)``."""
    line = np.arange(int(sizes.max()))
    within = (line > 0) & (line < sizes[:, None] - 1)
    return within[:, :, None] & within[:, None, :]


def weighted(draws: Sequence[np.random.Generator], sizes: np.ndarray) -> np.ndarray:
    """``(L, most, most)`` random numbers, those of a level the same in however large an array."""
    found = np.ones((len(sizes), int(sizes.max()), int(sizes.max())), np.float32)
    for level, (draw, size) in enumerate(zip(draws, sizes, strict=True)):
        found[level, :size, :size] = draw.random((size, size), np.float32)
    return found


def drawn(allowed: np.ndarray, weight: np.ndarray, count: int, what: str) -> np.ndarray:
    """``(L, count)`` different cells, numbered through the array, by their weights from the least.

    Args:
        allowed: ``(L, height, width)`` bool.
        weight: of the same shape, below 1.
        count: how many of each level.
        what: the cells' name in the error.

    Raises:
        UsageError: a level has fewer.
    """
    least = int(allowed.sum((1, 2)).min())
    if least < count:
        raise UsageError(
            f"A level has {least} {what}, too few for {count}; give fewer starts or a larger size."
        )
    by = np.where(allowed, weight, 2.0).reshape(len(allowed), -1)
    return np.argsort(by, 1, kind="stable")[:, :count]
