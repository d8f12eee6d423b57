"""Four rooms, against walks on the drawing and a search that knows nothing of tables."""

from collections import deque

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.levels import Levels
from gengap.control.suites.four_rooms import crosses

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def some(levels: int = 12, **options: object) -> Levels:
    return gg.load_suite("four-rooms", levels=levels, **{"size": (7, 9)} | options)


def test_a_cross_with_gaps_as_drawn_by_hand() -> None:
    drawn = ["#######", "#..#..#", "#.....#", "##.#.##", "#..#..#", "#.....#", "#######"]
    # Above: the second of two cells; right: the first; below: the second; left: the second.
    free = crosses(np.array([7]), np.array([[0.5, 0.0, 0.9, 0.7]]))[0]
    assert ["".join(".#"[not f] for f in row) for row in free] == drawn


def test_walks_and_distances_are_those_on_the_drawing() -> None:
    """A walk on the drawing, step by step, and a search on it."""
    levels = some()
    tables, rng = levels.arena.tables, np.random.default_rng(0)
    for unit in rng.choice(len(levels), 30, replace=False):
        level, state = int(levels.arena.level[unit]), int(levels.arena.start[unit])
        size, free = int(levels.factors["size"][unit]), drawing(level)
        places = [(int(r), int(c)) for r, c in np.argwhere(free)]
        row, column = places[state]
        way = tables.observation[level, state, 81:].reshape(2, -1).argmax(1) - 6
        goal = row + int(way[0]), column + int(way[1])
        assert levels.factors["distance"][unit] == search(free, (row, column), goal)
        if size // 2 not in (row, column, *goal):
            crossed = sum(
                (a > size // 2) != (b > size // 2) for a, b in zip((row, column), goal, strict=True)
            )
            assert levels.factors["rooms"][unit] == crossed
        for _ in range(60):
            action = int(rng.integers(4))
            to = row + MOVES[action][0], column + MOVES[action][1]
            row, column = to if free[to] else (row, column)
            over = (row, column) == goal
            assert tables.end[level, state, action] == over == tables.reward[level, state, action]
            if over:
                break
            state = int(tables.next_state[level, state, action])
            assert places[state] == (row, column)
            around = np.pad(free, 4)[row : row + 9, column : column + 9]
            np.testing.assert_array_equal(tables.observation[level, state, :81], 1 - around.ravel())


def drawing(level: int) -> np.ndarray:
    gaps = stream(0, "four-rooms", level).random(4, np.float32)
    free = crosses(np.array([(7, 9)[level % 2]]), gaps[None])[0]
    return np.pad(free, (0, 9 - len(free)))


def search(free: np.ndarray, start: tuple[int, int], goal: tuple[int, int]) -> int:
    far, queue = {start: 0}, deque([start])
    while queue:
        r, c = queue.popleft()
        for down, right in MOVES:
            to = r + down, c + right
            if free[to] and to not in far:
                far[to] = far[r, c] + 1
                queue.append(to)
    return far[goal]


def test_a_level_is_the_same_whichever_are_drawn_with_it() -> None:
    few, many = some(3).arena.tables, some(9).arena.tables
    np.testing.assert_array_equal(few.start, many.start[:3])
    n = few.next_state.shape[1]
    np.testing.assert_array_equal(few.observation, many.observation[:3, :n])


def test_what_is_too_small_is_said() -> None:
    with pytest.raises(UsageError, match="5 cells"):
        some(size=(4,))
    with pytest.raises(UsageError, match="fewer starts"):
        some(starts=30)
    with pytest.raises(UsageError, match="two levels"):
        some(levels=0)
    with pytest.raises(UsageError, match="one start"):
        some(starts=0)
