"""Several ways to one reward: two ways around a ring, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.control.diverse import blocked, diverse_policies, equal_policies, reached, visited
from gengap.control.suites.mazes import maze_tables
from gengap.control.tables import LevelTables


def ring(cells: int, goal: int) -> LevelTables:
    """Cells in a ring; an action goes on by one or back by one, the goal ends with 1."""
    cell = np.arange(cells)
    onward = np.stack([(cell + 1) % cells, (cell - 1) % cells], 1)[None]
    end = onward == goal
    return LevelTables(
        onward, end.astype(np.float32), end, np.zeros((1, cells, 1), np.uint8), np.array([cells]),
        np.array([[0]]), 20, ("on", "back"), pd.DataFrame({"level": ["ring"]}), discount=0.9,
    )  # fmt: skip


def test_a_ring_has_two_ways() -> None:
    """Three steps on or five back: 0.9² against 0.9⁴, which is 0.81 of it."""
    tables, start = ring(8, 3), np.array([0])
    first, second = diverse_policies(tables, start, 2, tolerance=0.2)
    assert reached(tables, first, start) == pytest.approx(0.9**2)
    assert reached(tables, second, start) == pytest.approx(0.9**4)
    np.testing.assert_array_equal(np.flatnonzero(visited(tables, first, start)), [0, 1, 2])
    np.testing.assert_array_equal(np.flatnonzero(visited(tables, second, start)), [0, 4, 5, 6, 7])
    near, same = diverse_policies(tables, start, 2, tolerance=0.15)
    assert reached(tables, same, start) == reached(tables, near, start)
    # With one way closed the other is the only one, and the first policy walks into what closes it.
    changed = blocked(tables, np.array([2]))
    assert reached(changed, first, start) == 0
    assert reached(changed, second, start) == pytest.approx(0.9**4)
    assert changed.next_state[0, 1, 0] == 1
    assert changed.next_state[0, 3, 1] == 3


def test_equal_policies_differ_by_chance_where_both_ways_are_as_long() -> None:
    tables, start = ring(6, 3), np.array([0])
    found = equal_policies(tables, 20, np.random.default_rng(0))
    assert set(found[:, 0, 0]) == {0, 1}
    for action in found:
        assert reached(tables, action, start) == pytest.approx(0.9**2)


def test_ways_through_mazes_are_near_the_best_and_apart() -> None:
    tables = maze_tables(np.arange(6), 1, 9, 0.3, 0.0, 0)
    start = tables.start[:, 0]
    found = diverse_policies(tables, start, 3, tolerance=0.1)
    best = reached(tables, found[0], start)
    for action in found[1:]:
        assert (reached(tables, action, start) >= 0.9 * best - 1e-6).all()
    ways = [visited(tables, action, start) for action in found]
    assert (ways[0] != ways[1]).any()
    with pytest.raises(UsageError, match="slip"):
        diverse_policies(maze_tables(np.arange(2), 1, 5, 0.3, 0.1, 0), np.zeros(2, int), 2)
