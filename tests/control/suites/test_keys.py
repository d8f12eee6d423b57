"""Keys and doors, against a player written step by step and against a search."""

from collections import deque

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.grids import Cells, drawn, weighted
from gengap.control.levels import Levels
from gengap.control.planning import optimal
from gengap.control.suites.keys import COLOURS, furnished, key_tables

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
SIZES, DOORS = (9, 11), (1, 2, 3)


def some(levels: int = 12, **options: object) -> Levels:
    return gg.load_suite("keys", levels=levels, **{"size": (9, 11), "doors": (1, 2)} | options)


class Player:
    """One level, one step at a time, from where things are drawn."""

    def __init__(self, rooms: object, level: int) -> None:
        self.rooms, self.level = rooms, level

    def begin(self, row: int, column: int) -> None:
        self.at, self.held, self.over = (row, column), set(), False

    def step(self, action: int) -> float:
        r, c = self.at[0] + MOVES[action][0], self.at[1] + MOVES[action][1]
        rooms, k = self.rooms, self.level
        door = rooms.door[k, r, c]
        if not rooms.free[k, r, c] or (door >= 0 and int(door) not in self.held):
            return 0.0
        self.at = (r, c)
        if rooms.key[k, r, c] >= 0:
            self.held.add(int(rooms.key[k, r, c]))
        self.over = bool(rooms.goal[k, r, c])
        return float(self.over)


def made(misplaced: float = 0.0):  # type: ignore[no-untyped-def]
    numbers = np.arange(12)
    size = np.where(numbers // 2 % 2 == 0, 9, 11)
    doors = 1 + numbers % 2
    draws = [stream(3, "keys", int(n)) for n in numbers]
    rooms = furnished(draws, size, doors, misplaced)
    start = drawn(rooms.first, weighted(draws, size), 4, "cells")
    tables = key_tables(numbers, 4, (9, 11), (1, 2), misplaced, 0.0, 3)
    np.testing.assert_array_equal(tables.factors[["size", "doors"]], np.stack([size, doors], 1))
    return rooms, Cells(rooms.free), start, tables


def test_tables_do_what_a_player_does_step_by_step() -> None:
    rooms, cells, start, tables = made(misplaced=0.5)
    rng = np.random.default_rng(0)
    width, most = rooms.free.shape[2], rooms.free.shape[2] - 3
    ends, best = 0, optimal(tables).argmax(-1)
    for level in range(12):
        player, count = Player(rooms, level), int(cells.count[level])
        state, begin = 0, True
        for _ in range(250):
            if begin:
                which = rng.integers(4)
                player.begin(*divmod(int(start[level, which]), width))
                state = int(tables.start[level, which])
            # Half at random, so that walls are met, half towards the goal, so that it is.
            action = int(rng.integers(4) if rng.random() < 0.5 else best[level, state])
            earned = player.step(action)
            assert tables.reward[level, state, action] == earned
            assert tables.end[level, state, action] == player.over
            state = int(tables.next_state[level, state, action])
            assert state == cells.number[level][player.at] + count * sum(
                1 << k for k in player.held
            )
            seen = tables.observation[level, state]
            np.testing.assert_array_equal(seen[:49], looks(rooms, level, player).ravel())
            goal = np.argwhere(rooms.goal[level])[0]
            np.testing.assert_array_equal(seen[49:], points(rooms, level, player, goal, most))
            begin = player.over
            ends += begin
    assert ends > 20


def looks(rooms, level, player):  # type: ignore[no-untyped-def]
    """Seven cells by seven, a wall or a door that does not open being 1."""
    found = np.ones((7, 7), int)
    for down in range(-3, 4):
        for right in range(-3, 4):
            r, c = player.at[0] + down, player.at[1] + right
            if 0 <= r < rooms.free.shape[1] and 0 <= c < rooms.free.shape[2]:
                door = int(rooms.door[level, r, c])
                shut = door >= 0 and door not in player.held
                found[down + 3, right + 3] = shut or not rooms.free[level, r, c]
    return found


def points(rooms, level, player, goal, most):  # type: ignore[no-untyped-def]
    """Which way the goal, each colour's key and each colour's door lie, and what is held."""

    def way(place: np.ndarray) -> list[int]:
        return [
            int(place[axis] - player.at[axis] == value)
            for axis in (0, 1)
            for value in range(-most, most + 1)
        ]

    found = way(goal)
    for colour in range(len(COLOURS)):
        number = [k for k, c in enumerate(rooms.colour[level]) if c == colour]
        for drawing in (rooms.key[level], rooms.door[level]):
            places = np.argwhere(drawing == number[0]) if number else []
            there = len(places) and number[0] not in player.held
            found += way(places[0]) if there else [0] * (2 * (2 * most + 1))
        found.append(int(bool(number) and number[0] in player.held))
    return found


def test_distances_and_what_has_no_solution_are_those_of_a_search() -> None:
    levels = some(24, misplaced=0.7, unsolvable="keep", seed=3)
    tables = levels.arena.tables
    hopeless = 0
    for unit, (level, start) in enumerate(zip(levels.arena.level, levels.arena.start, strict=True)):
        queue, steps = deque([(int(start), 0)]), {int(start)}
        found = None
        while queue and found is None:
            state, far = queue.popleft()
            for action in range(4):
                onward = int(tables.next_state[level, state, action])
                if tables.end[level, state, action]:
                    found = far + 1
                    break
                if onward not in steps:
                    steps.add(onward)
                    queue.append((onward, far + 1))
        hopeless += found is None
        if found is not None:
            assert levels.factors["distance"][unit] == found
    assert hopeless
    assert f"{hopeless} of {len(levels)} starts" in levels.notes[0]
    dropped = some(24, misplaced=0.7, seed=3)
    assert len(dropped) == len(levels) - hopeless
    assert set(dropped.factors["level"]) < set(levels.factors["level"])
    everywhere = np.arange(len(dropped))
    assert dropped.arena.expert_scores(everywhere, "success").min() == 1


def test_without_misplaced_keys_every_level_has_a_solution() -> None:
    levels = some(60)
    assert levels.arena.expert_scores(np.arange(len(levels)), "success").min() == 1
    assert set(levels.factors["size"]) == {9, 11}
    counts = levels.factors.groupby(["size", "doors"]).size()
    assert counts.min() == counts.max()


def test_a_level_is_the_same_whichever_are_drawn_with_it() -> None:
    few, many = some(4).arena.tables, some(20).arena.tables
    n = few.next_state.shape[1]
    for name in ("next_state", "end", "observation"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:4, :n])
    np.testing.assert_array_equal(few.start, many.start[:4])


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="1 to 3 doors"):
        some(size=(9,), doors=(4,))
    with pytest.raises(UsageError, match="fewer starts"):
        some(size=(9,), starts=15)
    with pytest.raises(UsageError, match="misplaced"):
        some(misplaced=2.0)
