"""Painted rooms: pictures against a painter of single pixels, and floors that decide nothing."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.grids import Cells
from gengap.control.levels import Levels
from gengap.control.painting import backgrounds, painted
from gengap.models.networks import architecture

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


@pytest.fixture(scope="module")
def rooms() -> Levels:
    return gg.load_suite("painted-rooms", levels=6, starts=3, backgrounds=3, size=6, walls=0.2)


def test_a_picture_is_that_of_a_painter_pixel_by_pixel() -> None:
    free = np.zeros((1, 5, 5), bool)
    free[0, 1:4, 1:4] = True
    free[0, 2, 2] = False
    floors = backgrounds([stream(0, "floors", number) for number in range(2)], 3, 3)
    seen = painted(Cells(free), np.array([7]), floors, 3)  # the goal is the last but one
    assert seen.shape == (1, 2, 8, 3, 9, 9)
    for floor in range(2):
        wanted = floors[floor].copy()
        wanted[:, 3:6, 3:6] = 0
        for i in range(3):
            for cell in ((i, i), (i, 2 - i)):
                wanted[:, 6 + cell[0], 6 + cell[1]] = (0, 1, 0)
        wanted[:, 1, 0:3] = 1  # an agent in the first cell
        wanted[:, 0:3, 1] = 1
        np.testing.assert_array_equal(seen[0, floor, 0], wanted)
    cell = floors[0, 0, :3, :3]
    assert 0 < np.ptp(cell) < 0.2
    assert np.ptp(floors) > 0.6


def test_a_room_is_the_same_on_every_floor(rooms: Levels) -> None:
    tables = rooms.arena.tables
    assert rooms.kind == "background"
    assert rooms.names == ("floor 0", "floor 1", "floor 2")
    for array in (tables.next_state, tables.end, tables.start, tables.states):
        by_room = array.reshape(6, 3, *array.shape[1:])
        np.testing.assert_array_equal(by_room, by_room[:, :1].repeat(3, 1))
    seen = tables.observation.reshape(6, 3, *tables.observation.shape[1:])
    assert (seen[:, 0] != seen[:, 1]).any((1, 2, 3, 4)).all()
    assert rooms.shape == (3, 12, 12)


def test_moving_moves_the_white_cross_and_the_green_one_ends(rooms: Levels) -> None:
    tables, draw = rooms.arena.tables, np.random.default_rng(0)

    def at(picture: np.ndarray, colour: tuple[float, ...]) -> tuple[int, ...]:
        row, column = np.nonzero((picture == np.reshape(colour, (3, 1, 1))).all(0))
        return int(np.median(row)) // 3, int(np.median(column)) // 3

    won = 0
    for row in range(len(tables)):
        state = int(tables.start[row, 0])
        goal = at(tables.observation[row, state], (0, 1, 0))
        for _ in range(20):
            seen, action = tables.observation[row, state], int(draw.integers(4))
            before = at(seen, (1, 1, 1))
            there = tuple(np.clip(np.add(before, MOVES[action]), 0, 3))
            wall = bool((seen[:, there[0] * 3, there[1] * 3] == 0).all())
            after = before if wall else there
            assert tables.end[row, state, action] == (after == goal)
            if after == goal:
                won += 1
                break
            state = int(tables.next_state[row, state, action])
            assert at(tables.observation[row, state], (1, 1, 1)) == after
    assert won > 3


def test_a_level_is_the_same_whichever_are_made_and_what_is_no_room_is_refused() -> None:
    few, more = (
        gg.load_suite("painted-rooms", levels=n, starts=2, backgrounds=b, pixels=1)
        for n, b in ((2, 2), (4, 3))
    )
    states = few.arena.tables.states.max()
    one, two = (made.arena.tables.observation for made in (few, more))
    np.testing.assert_array_equal(one[2:4], two[3:5, :states])
    for wrong in ({"size": 4}, {"backgrounds": 1}, {"pixels": 9}, {"walls": 1.0}):
        with pytest.raises(UsageError, match="painted-rooms have 5 cells"):
            gg.load_suite("painted-rooms", **wrong)
    with pytest.raises(UsageError, match="give fewer levels"):
        gg.load_suite("painted-rooms", levels=10_000, pixels=8)


def test_channels_of_a_cnn_are_named() -> None:
    made = architecture("cnn(4,6)")
    shapes = {tuple(own.shape) for own in made.initialise((3, 12, 12), 4, 0).values()}
    assert {(4, 3, 3, 3), (6, 4, 3, 3), (128, 96), (4, 128)} <= shapes
    with pytest.raises(UsageError, match="cnn or cnn"):
        architecture("cnn(4)")
