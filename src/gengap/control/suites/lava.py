"""Lava: a slippery walk to a goal among pools that end the episode without a reward.

Where nobody slips the shortest way is the best, along the very edge of the pools. The more one
slips, the further away from them it pays to walk, so that what is right depends on a number: the
chance to slip, a factor of the levels that the agent is shown or not (cf. cliff walking, Sutton &
Barto 2018, example 6.6, and the frozen lake of Gymnasium, where slips go sideways only).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, Unsolvable, as_levels, check_counts
from gengap.control.grids import Cells, crossed, drawn, inside, walk_tables, weighted, windows
from gengap.control.levels import Levels
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

REACH = 3
# How finely the chance to slip is shown: as many of ten lights as its tenths.
LIGHTS = 10


@suite(
    "lava",
    summary="Levels are slippery walks among lava; how slippery, and so the best way, varies.",
    source="generated: pools scattered in a room",
    default_splits="halves",
)
def lava(
    levels: int = 200,
    starts: int = 10,
    size: tuple[int, ...] = (9,),
    slip: tuple[float, ...] = (0.0, 0.2, 0.4),
    pools: float = 0.1,
    context: Literal["shown", "hidden"] = "shown",
    data: Behaviour = "expert",
    unsolvable: Unsolvable = "drop",
    seed: int = 0,
) -> Levels:
    """Lava, with the walks of a player.

    Args:
        levels: how many.
        starts: of each.
        size: cells on a side, walls included; of several, levels have each equally often.
        slip: chance that a random move is made in place of the one chosen; of several, levels have
            each equally often.
        pools: share of the cells that are lava.
        context: whether the agent is ``shown`` the chance to slip, or it is ``hidden``.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        unsolvable: whether to ``drop`` or ``keep`` starts without a way to the goal.
        seed: decides the levels, the starts and the log.
    """
    check_counts("lava", levels, starts)
    if min(size) < 5:
        raise UsageError(f"Lava needs 5 cells on a side at least, not {min(size)}.")
    if min(*slip, pools) < 0 or max(*slip, pools) >= 1:
        raise UsageError("slip and pools of lava are shares below 1.")
    tables = lava_tables(np.arange(levels), starts, size, slip, pools, context, seed)
    return as_levels(tables, "lava", "room", data, seed, unsolvable=unsolvable)


def lava_tables(
    numbers: np.ndarray,
    starts: int,
    size: tuple[int, ...],
    slip: tuple[float, ...],
    pools: float,
    context: str,
    seed: int,
) -> LevelTables:
    """The levels of some numbers, each the same whichever others are made with it."""
    factors = crossed(numbers, {"slip": slip, "size": size})
    draws = [stream(seed, "lava", int(number)) for number in numbers]
    sides = factors["size"].to_numpy()
    free = inside(sides)
    pool = free & (weighted(draws, sides) < pools)
    chosen = drawn(free & ~pool, weighted(draws, sides), starts + 1, f"cells for {starts} starts")
    cells = Cells(free)
    chosen = np.take_along_axis(cells.number.reshape(len(numbers), -1), chosen, 1)
    factors.insert(0, "level", [f"lava {number}" for number in numbers])
    tables = walk_tables(
        cells, chosen[:, 0], chosen[:, 1:], reach=REACH, horizon=6 * max(size), factors=factors,
        slip=factors["slip"].to_numpy(),
    )  # fmt: skip
    burnt = cells.of(pool)[np.arange(len(numbers))[:, None, None], tables.next_state]
    burnt &= tables.real[..., None]
    parts = [tables.observation, windows(pool, cells.place, REACH, beyond=False)]
    if context == "shown":
        lights = np.arange(1, LIGHTS + 1) <= np.round(tables.slip * LIGHTS)[:, None]
        parts.append(np.broadcast_to(lights[:, None], (*tables.real.shape, LIGHTS)))
    seen = np.concatenate(parts, -1) * tables.real[..., None].astype(np.uint8)
    return replace(tables, end=tables.end | burnt, observation=seen)
