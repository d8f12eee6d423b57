"""Rooms seen as pictures: walk to the goal, on floors that are painted and have nothing to say.

Every room stands on every background, so that what an unseen background costs is the cost of how a
level looks and of nothing else: room, start and goal are those that were learnt from. Environments
are backgrounds unless another factor is asked for (cf. the video backgrounds of N. Hansen & X.
Wang, Generalization in reinforcement learning by soft data augmentation, arXiv 2011.13389).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, Unsolvable, as_levels, check_counts
from gengap.control.grids import MOVES, Cells, drawn, inside, weighted
from gengap.control.levels import Levels
from gengap.control.painting import backgrounds as painted_floors
from gengap.control.painting import painted
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

MOST_PIXELS = 8
MOST_NUMBERS = 1 << 28  # of all pictures together


@suite(
    "painted-rooms",
    summary="Rooms are small pictures, an agent walks to a goal on floors that distract.",
    source="generated: rooms with walls in them, each on every background",
    default_splits="halves",
)
def painted_rooms(
    levels: int = 30,
    starts: int = 6,
    size: int = 7,
    backgrounds: int = 8,
    pixels: int = 3,
    walls: float = 0.1,
    data: Behaviour = "expert",
    unsolvable: Unsolvable = "drop",
    seed: int = 0,
) -> Levels:
    """Painted rooms, with the walks of a player.

    Args:
        levels: how many rooms, each of which is on every background.
        starts: of each.
        size: cells on a side, walls included; the outermost are not shown.
        backgrounds: how many floors are painted.
        pixels: of a cell's side.
        walls: share of the cells that are wall.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        unsolvable: whether to ``drop`` or ``keep`` starts without a way to the goal.
        seed: decides rooms, floors, starts and the log.
    """
    check_counts("painted-rooms", levels, starts)
    if size < 5 or not 0 <= walls < 1 or backgrounds < 2 or not 1 <= pixels <= MOST_PIXELS:
        raise UsageError(
            "painted-rooms have 5 cells on a side at least, a share of walls below 1, two "
            f"backgrounds at least and 1 to {MOST_PIXELS} pixels a cell."
        )
    if (most := levels * backgrounds * ((size - 2) ** 2 * pixels) ** 2 * 3) > MOST_NUMBERS:
        raise UsageError(
            f"The pictures of painted-rooms would hold {most:,} numbers; give fewer levels, "
            "backgrounds or pixels."
        )
    tables = painted_tables(np.arange(levels), starts, size, backgrounds, pixels, walls, seed)
    made = as_levels(tables, "painted-rooms", "room", data, seed, unsolvable=unsolvable)
    return made.regroup("background")


def painted_tables(
    numbers: np.ndarray,
    starts: int,
    size: int,
    backgrounds: int,
    pixels: int,
    walls: float,
    seed: int,
) -> LevelTables:
    """Rooms of some numbers on each background: rooms one after another, then backgrounds."""
    draws = [stream(seed, "painted-rooms", int(number)) for number in numbers]
    sides = np.full(len(numbers), size)
    free = inside(sides) & (weighted(draws, sides) >= walls)
    chosen = drawn(free, weighted(draws, sides), starts + 1, f"cells for {starts} starts")
    cells = Cells(free)
    chosen = np.take_along_axis(cells.number.reshape(len(numbers), -1), chosen, 1)
    goal, start = chosen[:, 0], chosen[:, 1:]
    floors = painted_floors(
        [stream(seed, "floors", number) for number in range(backgrounds)], size - 2, pixels
    )
    seen = painted(cells, goal, floors, pixels)
    room, floor = (index.ravel() for index in np.indices((len(numbers), backgrounds)))
    real = np.arange(cells.place.shape[1]) < cells.count[:, None]
    end = (cells.beside == goal[:, None, None]) & real[..., None]
    factors = pd.DataFrame(
        {
            "level": [f"room {numbers[number]}" for number in room],
            "background": [f"floor {number}" for number in floor],
        }
    )
    return LevelTables(
        cells.beside.astype(np.int16)[room], end[room].astype(np.float32), end[room],
        seen.reshape(-1, *seen.shape[2:]), cells.count[room], start[room], 4 * size, tuple(MOVES),
        factors,
    )  # fmt: skip
