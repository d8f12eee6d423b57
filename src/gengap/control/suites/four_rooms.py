"""Four rooms: a cross of walls with a gap in each arm; the goal, the gaps and the starts vary.

The layout is that of Sutton, Precup and Singh (Between MDPs and semi-MDPs, 1999), with the cross in
the middle and the gaps anywhere. How many rooms one has to leave on the way, and how large the
level is, are factors: an agent can learn where the goal is near and be asked where it is not.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, as_levels, check_counts
from gengap.control.grids import Cells, crossed, drawn, inside, walk_tables, weighted
from gengap.control.levels import Levels
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

REACH = 4


@suite(
    "four-rooms",
    summary="Levels are four rooms with gaps between them, an agent learns to find the goal.",
    source="generated: a cross of walls (Sutton, Precup & Singh 1999), gaps and goals at random",
    default_splits="halves",
)
def four_rooms(
    levels: int = 200,
    starts: int = 10,
    size: tuple[int, ...] = (11,),
    data: Behaviour = "expert",
    slip: float = 0.0,
    seed: int = 0,
) -> Levels:
    """Four rooms, with the walks of a player.

    Args:
        levels: how many.
        starts: of each, in any room.
        size: cells on a side, walls included; of several, levels have each equally often.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        slip: chance that a random move is made in place of the one chosen.
        seed: decides the levels, the starts and the log.
    """
    check_counts("four-rooms", levels, starts)
    if min(size) < 5:
        raise UsageError(f"Four rooms need 5 cells on a side at least, not {min(size)}.")
    if not 0 <= slip < 1:
        raise UsageError("slip of four-rooms is a share between 0 and 1.")
    tables, rooms = room_tables(np.arange(levels), starts, size, slip, seed)
    return as_levels(tables, "four-rooms", "set of rooms", data, seed, of_starts={"rooms": rooms})


def room_tables(
    numbers: np.ndarray, starts: int, size: tuple[int, ...], slip: float, seed: int
) -> tuple[LevelTables, np.ndarray]:
    """The levels of some numbers, each the same whichever others are made with it.

    Returns:
        The tables, and how many rooms lie between each start and the goal ``(L, N)``: 0 in the same
        room, 1 in one beside it, 2 in the one across.
    """
    factors = crossed(numbers, {"size": size})
    draws = [stream(seed, "four-rooms", int(number)) for number in numbers]
    sides = factors["size"].to_numpy()
    gaps = np.stack([draw.random(4, np.float32) for draw in draws])
    free, middle = crosses(sides, gaps), sides // 2
    chosen = drawn(
        free & inside(sides), weighted(draws, sides), starts + 1, f"cells for {starts} starts"
    )
    row, column = np.divmod(chosen, free.shape[2])
    # A gap counts to the room above it, or left of it.
    half = np.stack([row > middle[:, None], column > middle[:, None]], -1)
    rooms = (half[:, 1:] != half[:, :1]).sum(-1)
    cells = Cells(free)
    chosen = np.take_along_axis(cells.number.reshape(len(numbers), -1), chosen, 1)
    factors.insert(0, "level", [f"rooms {number}" for number in numbers])
    tables = walk_tables(
        cells, chosen[:, 0], chosen[:, 1:], reach=REACH, horizon=4 * max(size), factors=factors,
        slip=slip,
    )  # fmt: skip
    return tables, rooms


def crosses(size: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """``(L, most, most)`` bool, what is free.

    Args:
        size: ``(L,)`` cells on a side.
        gaps: ``(L, 4)`` numbers below 1, where the gap of the arm above, to the right, below and
            to the left is.
    """
    middle = size // 2
    lengths = np.stack([middle - 1, size - 2 - middle, size - 2 - middle, middle - 1], 1)
    firsts = np.stack([np.ones_like(middle), middle + 1, middle + 1, np.ones_like(middle)], 1)
    along = firsts + (gaps * lengths).astype(np.int64)
    free, level = inside(size), np.arange(len(size))
    row, column = np.indices(free.shape[1:])
    free &= (row != middle[:, None, None]) & (column != middle[:, None, None])
    for arm in range(4):
        place = (along[:, arm], middle) if arm % 2 == 0 else (middle, along[:, arm])
        free[level, *place] = True
    return free
