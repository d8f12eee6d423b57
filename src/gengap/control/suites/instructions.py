"""Goals named by an instruction: go to the red ball, or to anything but it, among distractors.

A map holds two colours in two shapes, four objects, so that neither the colour nor the shape alone
tells which is meant. A row of the tables is one map under one instruction. The episode ends at the
first object that is touched, with a reward of 1 where the instruction is fulfilled. With ``reach``
that is at the object named, with ``avoid`` at any other.

Some maps and some combinations of colour and shape are new: the factor ``part`` divides starts into
``training``, ``new level``, ``new instruction`` and ``both``. Every colour and every shape is named
somewhere in training.

The agent sees walls near it, for each colour and for each shape in which places near it or ways
further off something of it lies, and the instruction: word by word, or as the number of the whole,
which says nothing about a combination that was never named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.control.behaviour import stream
from gengap.control.compiled import Behaviour, Unsolvable, as_levels, check_counts
from gengap.control.grids import MOVES, Cells, crossed, drawn, inside, weighted, windows
from gengap.control.levels import Levels
from gengap.control.tables import LevelTables
from gengap.environments.suites import suite

COLOURS = ("red", "green", "blue", "yellow", "purple", "grey")
SHAPES = ("ball", "box", "key", "star", "cone", "ring")
VERBS = ("reach", "avoid")
OBJECTS = 4
REACH = 2
# Values of the factor ``part``, by whether the map is and whether the combination is.
PARTS = np.array([["training", "new instruction"], ["new level", "both"]])


@suite(
    "instructions",
    summary="Levels hold objects of several colours and shapes, an instruction names the goal.",
    source="generated: objects scattered in a room",
    default_splits="halves",
)
def instructions(
    levels: int = 200,
    starts: int = 4,
    size: tuple[int, ...] = (7,),
    colours: int = 4,
    shapes: int = 4,
    verbs: tuple[str, ...] = ("reach",),
    walls: float = 0.0,
    read: Literal["words", "index"] = "words",
    new_levels: float = 0.2,
    new_instructions: float = 0.25,
    data: Behaviour = "expert",
    slip: float = 0.0,
    unsolvable: Unsolvable = "drop",
    seed: int = 0,
) -> Levels:
    """Objects named by instructions, with the walks of a player.

    Args:
        levels: how many maps, each under an instruction for each of its four objects and each verb.
        starts: of each map.
        size: cells on a side, walls included; of several, levels have each equally often.
        colours: how many there are, up to six.
        shapes: how many there are, up to six.
        verbs: reach, avoid, or both.
        walls: share of the cells that are wall.
        read: whether an instruction is seen as ``words`` or as the ``index`` of the whole.
        new_levels: share of the maps that are marked as new.
        new_instructions: share of the combinations of colour and shape that are.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`).
        slip: chance that a random move is made in place of the one chosen.
        unsolvable: whether to ``drop`` or ``keep`` starts without a way to what is named.
        seed: decides the levels, the starts and the log.
    """
    check_counts("instructions", levels, starts)
    if not (2 <= colours <= len(COLOURS) and 2 <= shapes <= len(SHAPES)):
        raise UsageError("Instructions take 2 to 6 colours and 2 to 6 shapes.")
    if not verbs or not set(verbs) <= set(VERBS):
        raise UsageError(f"The verbs of instructions are {' and '.join(VERBS)}.")
    shares = walls, new_levels, new_instructions, slip
    if min(shares) < 0 or max(shares) >= 1 or min(size) < 5:
        raise UsageError(
            "walls, new_levels, new_instructions and slip of instructions are shares below 1, and "
            "size is 5 at least."
        )
    numbers = np.arange(levels)
    rooms, factors = furnished(numbers, starts, size, (colours, shapes), walls, seed)
    held = new_combinations(colours, shapes, new_instructions, seed)
    is_new = np.floor((numbers + 1) * new_levels) > np.floor(numbers * new_levels)
    tables = instructed(rooms, factors, verbs, read, slip, held, is_new)
    return as_levels(tables, "instructions", "map", data, seed, unsolvable=unsolvable)


@dataclass(frozen=True, eq=False)
class Room:
    """``L`` maps of :data:`OBJECTS` objects.

    Attributes:
        cells: those that are no wall.
        object_at: ``(L, OBJECTS)`` the cell each object is in.
        colour: ``(L, OBJECTS)``.
        shape: ``(L, OBJECTS)``.
        start: ``(L, N)`` cells.
        words: how many colours and how many shapes there are.
    """

    cells: Cells
    object_at: np.ndarray
    colour: np.ndarray
    shape: np.ndarray
    start: np.ndarray
    words: tuple[int, int]


def furnished(
    numbers: np.ndarray,
    starts: int,
    size: tuple[int, ...],
    words: tuple[int, int],
    walls: float,
    seed: int,
) -> tuple[Room, pd.DataFrame]:
    """The maps of some numbers, each the same whichever others are made with it, and factors."""
    factors = crossed(numbers, {"size": size})
    draws = [stream(seed, "instructions", int(number)) for number in numbers]
    sides = factors["size"].to_numpy()
    # Two of the colours and two of the shapes, and the order in which their pairs are listed.
    two = [np.stack([draw.permutation(count)[:2] for draw in draws]) for count in words]
    order = np.stack([draw.permutation(OBJECTS) for draw in draws])
    colour = np.take_along_axis(two[0], order // 2, 1)
    shape = np.take_along_axis(two[1], order % 2, 1)
    free = inside(sides) & (weighted(draws, sides) >= walls)
    chosen = drawn(free, weighted(draws, sides), OBJECTS + starts, "cells for objects and starts")
    cells = Cells(free)
    chosen = np.take_along_axis(cells.number.reshape(len(numbers), -1), chosen, 1)
    factors.insert(0, "level", [f"map {number}" for number in numbers])
    room = Room(cells, chosen[:, :OBJECTS], colour, shape, chosen[:, OBJECTS:], words)
    return room, factors


def new_combinations(colours: int, shapes: int, share: float, seed: int) -> np.ndarray:
    """``(colours, shapes)`` bool, which combinations are new; each word is in others as well.

    Diagonals of the table of both, as in a Latin square, with the words in a random order.
    """
    rng, most = generator(seed, "new instructions"), max(colours, shapes)
    one, two = rng.permutation(colours), rng.permutation(shapes)
    diagonals = min(round(share * most), min(colours, shapes) - 1)
    return (one[:, None] + two) % most < diagonals


def instructed(
    room: Room,
    factors: pd.DataFrame,
    verbs: tuple[str, ...],
    read: str,
    slip: float,
    held: np.ndarray,
    is_new: np.ndarray,
) -> LevelTables:
    """Each map under each instruction: maps one after another, then verbs, then objects."""
    cells, maps = room.cells, len(room.cells.free)
    avoids = np.array([verb == "avoid" for verb in verbs])
    row, verb, named = (index.ravel() for index in np.indices((maps, len(verbs), OBJECTS)))
    which = np.full(cells.place.shape[:2], -1)
    np.put_along_axis(which, room.object_at, np.arange(OBJECTS)[None], 1)
    real = np.arange(cells.place.shape[1]) < cells.count[:, None]
    touched = which[np.arange(maps)[:, None, None], cells.beside]
    end = (touched >= 0) & real[..., None]
    told = end[row] & ((touched[row] == named[:, None, None]) != avoids[verb][:, None, None])
    seen = np.repeat(_seen(room), len(verbs) * OBJECTS, 0)
    heard = _heard(room, verbs, read)[row, verb, named]
    heard = np.broadcast_to(heard[:, None], (*seen.shape[:2], heard.shape[1]))
    seen = np.concatenate([seen, heard], -1)
    seen[~real[row]] = 0
    colour, shape = room.colour[row, named], room.shape[row, named]
    of_rows = factors.iloc[row].reset_index(drop=True)
    of_rows["colour"] = np.array(COLOURS)[colour]
    of_rows["shape"] = np.array(SHAPES)[shape]
    of_rows["verb"] = np.array(verbs)[verb]
    of_rows["instruction"] = of_rows["colour"] + " " + of_rows["shape"]
    if len(verbs) > 1:
        of_rows["instruction"] = of_rows["verb"] + " " + of_rows["instruction"]
    of_rows["part"] = PARTS[is_new[row].astype(int), held[colour, shape].astype(int)]
    return LevelTables(
        cells.beside.astype(np.int16)[row], told.astype(np.float32), end[row], seen,
        cells.count[row], room.start[row], 4 * int(of_rows["size"].max()), tuple(MOVES), of_rows,
        np.full(1, slip, np.float32),
    )  # fmt: skip


def _seen(room: Room) -> np.ndarray:
    """What is seen of each map from each cell, ``(L, C, ...)`` bytes."""
    cells, side = room.cells, 2 * REACH + 1
    level, cell = np.arange(len(cells.free))[:, None], np.arange(cells.place.shape[1])
    parts = [windows(~cells.free, cells.place, REACH)]
    for words, of in zip(room.words, (room.colour, room.shape), strict=True):
        there = np.zeros((*cells.place.shape[:2], words, side * side), np.uint8)
        for number in range(OBJECTS):
            at = cells.place[level[:, 0], room.object_at[:, number]][:, None] - cells.place
            row, column = np.moveaxis(np.clip(at, -REACH, REACH) + REACH, -1, 0)
            there[level, cell, of[:, number, None], row * side + column] = 1
        parts.append(there.reshape(*cells.place.shape[:2], -1))
    return np.concatenate(parts, -1)


def _heard(room: Room, verbs: tuple[str, ...], read: str) -> np.ndarray:
    """Each instruction ``(L, verbs, OBJECTS, ...)`` as bytes."""
    colours, shapes = room.words
    verb = np.arange(len(verbs))[:, None]
    if read == "index":
        codes = (verb * colours + room.colour[:, None]) * shapes + room.shape[:, None]
        return np.eye(len(verbs) * colours * shapes, dtype=np.uint8)[codes]
    parts = []
    for count, code in (
        (len(verbs), verb), (colours, room.colour[:, None]), (shapes, room.shape[:, None])
    ):  # fmt: skip
        codes = np.broadcast_to(code, (len(room.colour), len(verbs), OBJECTS))
        parts.append(np.eye(count, dtype=np.uint8)[codes])
    return np.concatenate(parts, -1)
