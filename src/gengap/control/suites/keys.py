"""Keys and doors: rooms in a row, each closed by a door that opens to whoever holds its key.

Rooms lie side by side between two opposite walls of a grid that is turned and mirrored at random,
so that the way may lead in any direction. Walking onto a key picks it up, and walking into a door
of its colour then goes through. The goal is in the last room. What is done depends on what was
done before, so a level's states are its cells times the keys that are held.

The agent sees walls and closed doors near it, which way the goal, each colour's key and each
colour's door lie, and the keys that it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, Unsolvable, as_levels, check_counts
from gengap.control.grids import MOVES, Cells, crossed, drawn, inside, offsets, weighted, windows
from gengap.control.levels import Levels
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

COLOURS = ("red", "green", "blue", "yellow")
REACH = 3


@suite(
    "keys",
    summary="Levels are rooms behind locked doors, whose keys are fetched on the way to a goal.",
    source="generated: rooms in a row, turned and mirrored",
    default_splits="halves",
)
def keys(
    levels: int = 200,
    starts: int = 8,
    size: tuple[int, ...] = (9,),
    doors: tuple[int, ...] = (1, 2),
    misplaced: float = 0.0,
    data: Behaviour = "expert",
    slip: float = 0.0,
    unsolvable: Unsolvable = "drop",
    seed: int = 0,
) -> Levels:
    """Keys and doors, with the walks of a player.

    Args:
        levels: how many.
        starts: of each, in its first room.
        size: cells on a side, walls included; of several, levels have each equally often.
        doors: how many, up to four; of several, levels have each equally often.
        misplaced: share of the keys that lie in any room, perhaps behind their own door.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        slip: chance that a random move is made in place of the one chosen.
        unsolvable: whether to ``drop`` or ``keep`` levels without a way to the goal.
        seed: decides the levels, the starts and the log.
    """
    check_counts("keys", levels, starts)
    most = (min(size) - 3) // 2
    if not 0 < min(doors) <= max(doors) <= min(most, len(COLOURS)):
        raise UsageError(
            f"Levels of size {min(size)} have room for 1 to {min(most, len(COLOURS))} doors, not "
            f"{min(doors)} to {max(doors)}; ask for fewer, or for a larger size."
        )
    if not 0 <= misplaced <= 1 or not 0 <= slip < 1:
        raise UsageError("misplaced and slip of keys are shares between 0 and 1.")
    tables = key_tables(np.arange(levels), starts, size, doors, misplaced, slip, seed)
    return as_levels(tables, "keys", "set of rooms", data, seed, unsolvable=unsolvable)


@dataclass(frozen=True, eq=False)
class Rooms:
    """What is where in ``L`` levels of up to ``D`` doors.

    Attributes:
        free: ``(L, size, size)`` bool, doors included.
        door: ``(L, size, size)`` number of the door there, or -1.
        key: ``(L, size, size)`` number of the door that the key there opens, or -1.
        goal: ``(L, size, size)`` bool.
        first: ``(L, size, size)`` bool, free cells of the first room without a key.
        colour: ``(L, D)`` of each door and its key, a position in :data:`COLOURS`.
    """

    free: np.ndarray
    door: np.ndarray
    key: np.ndarray
    goal: np.ndarray
    first: np.ndarray
    colour: np.ndarray


def key_tables(
    numbers: np.ndarray,
    starts: int,
    size: tuple[int, ...],
    doors: tuple[int, ...],
    misplaced: float,
    slip: float,
    seed: int,
) -> LevelTables:
    """The levels of some numbers, each the same whichever others are made with it."""
    factors = crossed(numbers, {"doors": doors, "size": size})
    draws = [stream(seed, "keys", int(number)) for number in numbers]
    rooms = furnished(draws, factors["size"].to_numpy(), factors["doors"].to_numpy(), misplaced)
    weight = weighted(draws, factors["size"].to_numpy())
    start = drawn(rooms.first, weight, starts, "free cells in its first room")
    cells = Cells(rooms.free)
    start = np.take_along_axis(cells.number.reshape(len(numbers), -1), start, 1)
    factors.insert(0, "level", [f"keys {number}" for number in numbers])
    horizon = 4 * max(size) * (1 + max(doors)) // 2
    return compiled(rooms, cells, start, factors, horizon, slip)


def compiled(
    rooms: Rooms, cells: Cells, start: np.ndarray, factors: pd.DataFrame, horizon: int, slip: float
) -> LevelTables:
    """States are numbered cell by cell within each set of keys held, none at first."""
    count, levels = cells.count, np.arange(len(cells.free))[:, None]
    door, key, goal = cells.of(rooms.door), cells.of(rooms.key), cells.of(rooms.goal)
    states = count << factors["doors"].to_numpy()
    held, cell = np.divmod(np.arange(int(states.max())), count[:, None])
    real = np.arange(int(states.max())) < states[:, None]
    held[~real] = 0
    to = cells.beside[levels, cell]
    gate = door[levels[..., None], to]
    locked = (gate >= 0) & (held[..., None] >> np.maximum(gate, 0) & 1 == 0)
    to = np.where(locked, cell[..., None], to)
    found = key[levels[..., None], to]
    holding = np.where(found >= 0, held[..., None] | 1 << np.maximum(found, 0), held[..., None])
    end = goal[levels[..., None], to] & real[..., None]
    onward = np.where(real[..., None], holding * count[:, None, None] + to, 0)
    return LevelTables(
        onward.astype(np.int16), end.astype(np.float32), end,
        _seen(rooms, cells, held, cell, real), states, start, horizon, tuple(MOVES), factors,
        np.full(1, slip, np.float32),
    )  # fmt: skip


def furnished(
    draws: list[np.random.Generator], size: np.ndarray, doors: np.ndarray, misplaced: float
) -> Rooms:
    """Draw the rooms of all levels; along the first axis they lie, then they are turned.

    Args:
        draws: one stream per level.
        size: ``(L,)``.
        doors: ``(L,)``.
        misplaced: share of the keys that lie anywhere.
    """
    most = len(COLOURS)
    chance = np.stack([draw.random(4 * most + 5, np.float32) for draw in draws])
    row, column = np.indices((int(size.max()),) * 2)
    within = inside(size)
    walls = _walls(size, doors, chance[:, 0])
    gap = 1 + (chance[:, 1 : 1 + most] * (size[:, None] - 2)).astype(np.int64)
    is_wall = (row == walls[:, :, None, None]).any(1)
    door = np.full(within.shape, -1)
    for number in range(most):
        door[_at(row, walls[:, number]) & _at(column, gap[:, number]) & within] = number
    room = (row > walls[:, :, None, None]).sum(1)
    floor = within & ~is_wall
    key, goal = np.full(within.shape, -1), np.zeros(within.shape, bool)
    goal_at = _pick(floor & (room == doors[:, None, None]), chance[:, -4])
    goal[np.arange(len(size)), *np.divmod(goal_at, within.shape[2])] = True
    for number in range(int(doors.max())):
        anywhere = chance[:, 1 + 2 * most + number, None, None] < misplaced
        allowed = floor & ~goal & (key < 0) & (anywhere | (room <= number))
        place = _pick(allowed, chance[:, 1 + most + number])
        level = np.flatnonzero(number < doors)
        key[level, *np.divmod(place[level], within.shape[2])] = number
    colour = np.argsort(chance[:, 1 + 3 * most : 1 + 4 * most], 1)
    turn = _turned(size, chance[:, -3:] < 0.5)
    first = floor & (room == 0) & (key < 0) & ~goal
    return Rooms(
        turn(floor | (door >= 0)), turn(door), turn(key), turn(goal), turn(first),
        colour[:, : int(doors.max())],
    )  # fmt: skip


def _seen(
    rooms: Rooms, cells: Cells, held: np.ndarray, cell: np.ndarray, real: np.ndarray
) -> np.ndarray:
    """What an agent sees in each state, ``(L, S, ...)`` bytes.

    Args:
        held: ``(L, S)`` keys, the number of each one a bit.
        cell: ``(L, S)``.
        real: ``(L, S)`` which are states.
    """
    levels, doors = rooms.colour.shape
    sets = np.arange(1 << doors)
    closed = (rooms.door >= 0)[:, None] & (
        sets[:, None, None] >> np.maximum(rooms.door, 0)[:, None] & 1 == 0
    )
    filled = (~rooms.free[:, None] | closed).reshape(-1, *rooms.free.shape[1:])
    level = np.arange(levels)[:, None]
    place, most = cells.place[level, cell], rooms.free.shape[1] - 3
    parts = [
        windows(filled, place, REACH, level * len(sets) + held),
        offsets(_where(rooms.goal)[:, None] - place, most),
    ]
    width = parts[1].shape[-1]
    things = np.zeros((*cell.shape, len(COLOURS), 2 * width + 1), np.uint8)
    for number in range(doors):
        has = (held >> number & 1).astype(bool)
        own = level, np.arange(cell.shape[1]), rooms.colour[:, number, None]
        for at, drawing in enumerate((rooms.key == number, rooms.door == number)):
            there = drawing.any((1, 2))[:, None] & ~has
            way = offsets(_where(drawing)[:, None] - place, most) * there[..., None]
            things[(*own, slice(at * width, (at + 1) * width))] = way
        things[(*own, -1)] = has
    seen = np.concatenate([*parts, things.reshape(*cell.shape, -1)], -1)
    seen[~real] = 0
    return seen


def _where(drawing: np.ndarray) -> np.ndarray:
    """``(L, 2)`` row and column of the one cell that is drawn."""
    flat = drawing.reshape(len(drawing), -1).argmax(1)
    return np.stack(np.divmod(flat, drawing.shape[2]), 1)


def _walls(size: np.ndarray, doors: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """``(L, most)`` rows of the walls between rooms, ascending; beyond the grid where none is.

    The first room is two rows deep at least and the others one.
    """
    found = np.full((len(size), len(COLOURS)), int(size.max()))
    for side, count in {*zip(size.tolist(), doors.tolist(), strict=True)}:
        ways = np.array(
            [
                rows
                for rows in combinations(range(3, side - 2), count)
                if all(b - a > 1 for a, b in pairwise(rows))
            ]
        )
        own = (size == side) & (doors == count)
        found[own, :count] = ways[(chance[own] * len(ways)).astype(np.int64)]
    return found


def _at(index: np.ndarray, value: np.ndarray) -> np.ndarray:
    return index == value[:, None, None]


def _pick(allowed: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """``(L,)`` one of the allowed cells, each as likely, numbered through the grid."""
    flat = allowed.reshape(len(allowed), -1)
    rank = np.cumsum(flat, 1)
    return (rank > (chance * rank[:, -1]).astype(np.int64)[:, None]).argmax(1)


def _turned(size: np.ndarray, flips: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How to mirror rows, columns and the diagonal of grids, each where ``flips (L, 3)`` says."""
    index = np.indices((int(size.max()),) * 2)[:, None]
    flips, last = flips[:, :, None, None], size[:, None, None] - 1
    row, column = np.where(flips[:, 2], index[::-1], index)
    row = np.where(flips[:, 0] & (row <= last), last - row, row)
    column = np.where(flips[:, 1] & (column <= last), last - column, column)
    return lambda drawing: drawing[np.arange(len(size))[:, None, None], row, column]
