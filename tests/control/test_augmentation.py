"""Segments of play moved elsewhere: the level says what they do, and progress is progress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.control.augmentation import AUGMENTED, QUARTERS, augmented
from gengap.control.levels import Levels
from gengap.control.suites.mazes import mazes
from gengap.control.table_arena import TableArena


def levels() -> Levels:
    return mazes(levels=5, starts=4, size=7, data="suboptimal")


def distances(arena: TableArena, level: int) -> np.ndarray:
    """Steps to the goal from each state, by plain breadth-first search."""
    tables = arena.tables
    states = int(tables.states[level])
    far = np.full(tables.next_state.shape[1], np.inf)
    last = [s for s in range(states) if tables.end[level, s].any()]
    far[last] = 1
    while last:
        near, last = last, []
        for state in range(states):
            if far[state] == np.inf and np.isin(tables.next_state[level, state], near).any():
                last.append(state)
        far[last] = far[near[0]] + 1
    return far


@pytest.mark.parametrize("guided", [False, True])
def test_segments_are_play_that_the_level_allows(guided: bool) -> None:
    given = levels()
    own = augmented(given, np.arange(10), 6, guided=guided, length=3)
    arena, logs, made = own.arena, own.logs, own.factors[AUGMENTED].to_numpy()
    assert isinstance(arena, TableArena)
    assert list(np.flatnonzero(made)) == list(range(20, len(own)))
    assert len(own) > 60
    assert set(own.environment[made]) == {0, 1, 2}  # the mazes of the first ten units
    np.testing.assert_array_equal(logs.action[: len(given.logs)], given.logs.action)
    states = arena.tables.next_state.shape[1]
    for unit in np.flatnonzero(made):
        rows = np.flatnonzero(logs.unit == unit)
        level = int(arena.level[unit])
        assert logs.before[rows[0]] == level * states + arena.start[unit]
        far = distances(arena, level)
        for row in rows:
            state, action = logs.before[row] - level * states, logs.action[row]
            assert logs.after[row] - level * states == arena.tables.next_state[level, state, action]
            assert logs.end[row] or logs.after[row] != logs.before[row]
        if guided and not logs.end[rows[-1]]:
            assert far[logs.after[rows[-1]] - level * states] < far[arena.start[unit]]


def test_unguided_segments_lead_anywhere() -> None:
    own = augmented(levels(), np.arange(20), 10, guided=False, length=1)
    new = own.logs.unit >= 20
    share = np.bincount(own.logs.action[new], minlength=4) / new.sum()
    assert share.min() > 0.15


def test_turns_and_what_cannot_be_moved() -> None:
    np.testing.assert_array_equal(QUARTERS[1][[0, 1, 2, 3]], [1, 2, 3, 0])
    with pytest.raises(UsageError, match="actions do not slip"):
        augmented(mazes(levels=2, starts=2, slip=0.1), np.arange(2), 1, guided=True)
    given = levels()
    tables = given.arena.tables
    own = np.arange(tables.next_state.shape[1])[None, :, None]
    still = np.broadcast_to(own, tables.next_state.shape)  # nothing moves anywhere
    walled = replace(tables, next_state=still, end=np.zeros_like(tables.end))
    stuck = replace(given, arena=replace(given.arena, tables=walled))
    with pytest.raises(UsageError, match="finds a place"):
        augmented(stuck, np.arange(2), 1, guided=False)
