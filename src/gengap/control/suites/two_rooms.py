"""Two rooms and a door: walks that nobody rewarded, and goals that are seen as places are.

A wall divides a square room; where it stands and where its door is makes a layout. Somebody walks
to and fro, from one place to another that came to mind; nothing says where a walk was to lead. An
observation is two views alike, of here and of the goal: row and column, and the layout. For those
who learn values or clone, stretches of the walks are told as if their ends had been wanted
(:mod:`gengap.control.hindsight`). The layouts of a number are the same however many are made.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.control.behaviour import stream
from gengap.control.compiled import check_counts, distances
from gengap.control.grids import Cells, inside, walk_tables
from gengap.control.hindsight import told
from gengap.control.levels import Levels, levels_of
from gengap.control.logs import Logs
from gengap.control.planning import greedy, optimal
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

DISCOUNT = 0.95


@suite(
    "two-rooms",
    summary="levels are two rooms with a door; an agent learns to reach goals from aimless walks.",
    source="generated: a room that a wall with a door divides",
    default_splits="halves",
)
def two_rooms(
    levels: int = 20,
    walks: int = 20,
    steps: int = 16,
    stretches: int = 8,
    aimless: float = 0.0,
    size: int = 9,
    seed: int = 0,
) -> Levels:
    """Two rooms with walks that nobody rewarded.

    Args:
        levels: how many layouts; of 9 cells on a side there are 35.
        walks: of each layout.
        steps: of a walk.
        stretches: of each walk that are told as ways to where they ended, each a unit.
        aimless: share of moves in any direction; the others lead to a place that came to mind.
        size: cells on a side, walls included.
        seed: decides the layouts' order and the walks.
    """
    check_counts("two-rooms", levels, walks)
    if size < 5 or steps < 1 or stretches < 1 or not 0 <= aimless <= 1:
        raise UsageError(
            "two-rooms needs 5 cells on a side, one step and one stretch at least, and aimless "
            "between 0 and 1."
        )
    tables = layout_tables(levels, size, seed)
    places = tables.next_state.shape[1]
    number, begin, goal, logs = _walked(tables, places, walks, steps, stretches, aimless, seed)
    arena = TableArena(tables, number * places + goal, begin)
    factors = tables.factors.iloc[arena.level].reset_index(drop=True)
    factors["distance"] = distances(arena)
    names = tables.factors["level"].to_numpy()[::places]
    return levels_of(
        number, logs, arena, names=list(names), actions=tables.actions, name="two-rooms",
        kind="layout", factors=factors, goals=True,
        notes=(f"{walks} walks of {steps} moves in each layout, {aimless:.0%} of them aimless.",),
    )  # fmt: skip


def layout_tables(levels: int, size: int, seed: int) -> LevelTables:
    """Every goal of every layout is a row, goals of a layout one after another.

    Raises:
        UsageError: there are fewer layouts.
    """
    walls, doors = np.arange(2, size - 2), np.arange(1, size - 1)
    most = len(walls) * len(doors)
    if levels > most:
        raise UsageError(f"Of {size} cells on a side there are {most} layouts, not {levels}.")
    order = generator(seed, "two-rooms layouts").permutation(most)[:levels]
    wall, door = walls[order % len(walls)], doors[order // len(walls)]
    line = np.arange(size)
    row, column = line[:, None], line
    at_wall, at_door = column == wall[:, None, None], row == door[:, None, None]
    free = inside(np.full(levels, size)) & (~at_wall | at_door)
    places = int(free[0].sum())
    cells = Cells(np.repeat(free, places, 0))
    goal = np.tile(np.arange(places), levels)
    names = [f"wall {w} door {d}" for w, d in zip(wall, door, strict=True)]
    factors = pd.DataFrame(
        {"level": np.repeat(names, places), "wall": np.repeat(wall, places),
         "door": np.repeat(door, places)}
    )  # fmt: skip
    start = (goal == 0).astype(np.int64)[:, None]
    tables = walk_tables(cells, goal, start, reach=1, horizon=4 * size, factors=factors)
    inner = np.eye(size, dtype=np.uint8)[:, 1:-1]
    layout = np.stack([wall, door], 1)
    where = cells.place[::places]
    told_of = np.broadcast_to(layout[:, None], (levels, places, 2))
    view = inner[np.concatenate([where, told_of], -1)].reshape(levels, places, -1)
    shape = levels, places, places, view.shape[-1]
    here, there = np.broadcast_to(view[:, None], shape), np.broadcast_to(view[:, :, None], shape)
    seen = np.stack([here, there], -2).reshape(levels * places, places, 2, -1)
    return replace(tables, observation=seen, discount=DISCOUNT)


def _walked(
    tables: LevelTables, places: int, walks: int, steps: int, stretches: int, aimless: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Logs]:  # fmt: skip
    """Level, begin and goal of each unit, ``(n,)`` each, and what was logged of them."""
    best, levels = greedy(optimal(tables)), len(tables) // places
    units, parts, count = [], [], 0
    for level in range(levels):
        draw = stream(seed, "two-rooms walks", level)
        own = slice(level * places, (level + 1) * places)
        visited, action = wandered(tables.next_state[own], best[own], walks, steps, aimless, draw)
        found = told(visited, stretches, draw)
        length = found.end - found.begin
        unit = np.repeat(np.arange(len(length)), length)
        step = np.arange(len(unit)) - np.repeat(np.cumsum(length) - length, length)
        step += found.begin[unit]
        walk, row = found.walk[unit], (level * places + found.goal[unit]) * places
        before, after = row + visited[walk, step], row + visited[walk, step + 1]
        parts.append((unit + count, before, action[walk, step], after))
        count += len(length)
        units.append((np.full(len(length), level), visited[found.walk, found.begin], found.goal))
    unit, before, action, after = (np.concatenate(own) for own in zip(*parts, strict=True))
    end = np.append(unit[1:] != unit[:-1], True)
    logs = Logs(
        tables.observation.reshape(-1, *tables.observation.shape[2:]), unit.astype(np.int32),
        before.astype(np.int32), action, end.astype(np.float32), after.astype(np.int32), end,
        tables.discount,
    )  # fmt: skip
    number, begin, goal = (np.concatenate(own) for own in zip(*units, strict=True))
    return number, begin, goal, logs


def wandered(
    onward: np.ndarray,
    best: np.ndarray,
    walks: int,
    steps: int,
    aimless: float,
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Walks in one layout: places ``(w, T + 1)`` and moves ``(w, T)``.

    Args:
        onward: ``(G, S, A)`` where moves lead, under each goal.
        best: ``(G, S, A)`` chances of moves of who walks to a goal.
        aimless: share of moves in any direction.
    """
    places = len(onward)
    place, aim = (draw.integers(places, size=walks) for _ in range(2))
    visited, moves = [place], []
    for _ in range(steps):
        aim = np.where(aim == place, draw.integers(places, size=walks), aim)
        chance = best[aim, place]
        lost = (draw.random(walks) < aimless) | (aim == place)
        chance = np.where(lost[:, None], 1 / chance.shape[1], chance)
        move = (chance.cumsum(1) > draw.random(walks)[:, None] * (1 - 1e-6)).argmax(1)
        place = onward[aim, place, move].astype(np.int64)
        visited.append(place)
        moves.append(move)
    return np.stack(visited, 1), np.stack(moves, 1)
