"""Mazes: walk to the goal, having seen the walls around and the way the goal lies.

A maze is a random spanning tree over the cells of a grid (Prim's algorithm with random weights,
grown in all mazes at once), then some walls are opened so that there are loops. The agent sees the
walls within ``size`` cells and the goal's offset, never the map's number: with a few mazes it can
learn them by heart, with many it must learn to walk. Seen as pictures, mazes come with the steps of
the search that finds the way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, as_levels, check_counts
from gengap.control.grids import Cells, as_pictures, walk_tables
from gengap.control.levels import Levels
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite


@suite(
    "mazes",
    summary="levels are mazes, an agent learns from logged walks to find the goal.",
    source="generated: random spanning trees with loops",
    default_splits="halves",
)
def mazes(
    levels: int = 200,
    starts: int = 10,
    size: int = 9,
    loops: float = 0.1,
    data: Behaviour = "expert",
    slip: float = 0.0,
    picture: bool = False,
    seed: int = 0,
) -> Levels:
    """Mazes with the walks of a player.

    Args:
        levels: how many.
        starts: of each, from which one walk is logged and agents are scored; more than there are
            cells are the same cells again, with other walks.
        size: cells on a side, walls included; odd.
        loops: share of the inner walls that are opened.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        slip: chance that a random move is made in place of the one chosen.
        picture: whether the agent sees the whole maze from above, walls and goal around itself;
            then methods may learn from the expert's search as well.
        seed: decides the mazes, the starts and the log.
    """
    check_counts("mazes", levels, starts)
    if size < 5 or size % 2 == 0:
        raise UsageError(f"size of mazes must be odd and at least 5, not {size}.")
    if not 0 <= loops <= 1 or not 0 <= slip < 1:
        raise UsageError("loops and slip of mazes are shares between 0 and 1.")
    tables = maze_tables(np.arange(levels), starts, size, loops, slip, seed, picture)
    return as_levels(tables, "mazes", "maze", data, seed)


def maze_tables(
    numbers: np.ndarray,
    starts: int,
    size: int,
    loops: float,
    slip: float,
    seed: int,
    picture: bool = False,
) -> LevelTables:
    """The mazes of some numbers, each the same whichever others are made with it."""
    side = size // 2
    walls = side * (side - 1)
    draws = [stream(seed, "mazes", int(number)) for number in numbers]
    weight = np.stack([draw.random((2, walls), np.float32) for draw in draws])
    opened = np.stack([draw.random((2, walls), np.float32) for draw in draws]) < loops
    cells = Cells(_carved(size, weight, opened))
    states = cells.count
    chosen = np.stack(
        [_placed(draw, int(count), starts) for draw, count in zip(draws, states, strict=True)]
    )
    goal, start = chosen[:, 0], chosen[:, 1:]
    factors = pd.DataFrame({"level": [f"maze {number}" for number in numbers]})
    tables = walk_tables(
        cells, goal, start, reach=size // 2, horizon=4 * size, factors=factors,
        slip=slip,
    )  # fmt: skip
    return as_pictures(tables, cells, goal) if picture else tables


def _placed(draw: np.random.Generator, count: int, starts: int) -> np.ndarray:
    """A goal and starts among ``count`` cells; when all have had their turn, the same once more."""
    order = draw.permutation(count)
    return np.concatenate([order[:1], np.resize(order[1:], starts)])


def _carved(size: int, weight: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """``(L, size, size)`` bool, what is free.

    Args:
        weight: ``(L, 2, side * (side - 1))`` of the walls between cells one above the other, then
            side by side; the tree takes the lightest wall at its border again and again.
        opened: of the same shape, walls that are opened whether or not the tree needs it.
    """
    side, levels = size // 2, len(weight)
    cell = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [
            np.stack([cell[:-1].ravel(), cell[1:].ravel()], 1),
            np.stack([cell[:, :-1].ravel(), cell[:, 1:].ravel()], 1),
        ]
    )
    weight, gone = weight.reshape(levels, -1), opened.reshape(levels, -1).copy()
    inside = np.zeros((levels, side * side), bool)
    inside[:, 0] = True
    every = np.arange(levels)
    for _ in range(side * side - 1):
        border = inside[:, pairs[:, 0]] != inside[:, pairs[:, 1]]
        wall = np.where(border, weight, np.inf).argmin(1)
        gone[every, wall] = True
        inside[every, pairs[wall, 0]] = inside[every, pairs[wall, 1]] = True
    free = np.zeros((levels, size, size), bool)
    free[:, 1::2, 1::2] = True
    between = (np.stack(np.divmod(pairs, side), -1) * 2 + 1).sum(1) // 2
    level, wall = np.nonzero(gone)
    free[level, between[wall, 0], between[wall, 1]] = True
    return free
