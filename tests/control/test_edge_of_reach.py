"""What short rollouts reach, in a corridor by hand and against a plain search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.control.compiled import as_levels
from gengap.control.planning import optimal
from gengap.control.reach import overestimate, reach, rolled_out
from gengap.control.suites.mazes import mazes
from gengap.control.suites.physical_systems import point_mass
from gengap.control.tables import LevelTables

CELLS, GOAL = 6, 4


def corridor() -> LevelTables:
    """Six cells in a row, left and right; the fifth is the goal, walked into from either side."""
    cell = np.arange(CELLS)
    onward = np.stack([np.maximum(cell - 1, 0), np.minimum(cell + 1, CELLS - 1)], 1)[None]
    onward = np.repeat(onward, 2, 0)
    end = onward == GOAL
    return LevelTables(
        onward, end.astype(np.float32), end, np.eye(CELLS, dtype=np.float32)[None].repeat(2, 0),
        np.full(2, CELLS), np.array([[2], [3]]), 10, ("left", "right"),
        pd.DataFrame({"level": ["one", "other"]}), discount=0.5,
    )  # fmt: skip


def test_a_corridor_by_hand() -> None:
    """The best walks are 2, 3 and 3; what is led to in the goal ends the episode and is no edge."""
    levels = as_levels(corridor(), "corridors", "corridor", "expert", 0)
    one = reach(levels, np.array([0]), 1)
    np.testing.assert_array_equal(np.flatnonzero(one.inside[0]), [2, 3])
    np.testing.assert_array_equal(np.flatnonzero(one.edge[0]), [1])
    assert not one.inside[1].any()
    both = reach(levels, np.arange(2), 2)
    np.testing.assert_array_equal(np.flatnonzero(both.inside[0]), [1, 2, 3])
    np.testing.assert_array_equal(np.flatnonzero(both.edge[0]), [0])
    np.testing.assert_array_equal(np.flatnonzero(both.inside[1]), [2, 3])
    logs = rolled_out(levels, 1).logs
    columns = logs.unit, logs.before % CELLS, logs.action, logs.after % CELLS, logs.end
    assert list(zip(*columns, strict=True)) == [
        (0, 2, 0, 1, False), (0, 2, 1, 3, False), (0, 3, 0, 2, False), (0, 3, 1, 4, True),
        (1, 3, 0, 2, False), (1, 3, 1, 4, True),
    ]  # fmt: skip
    np.testing.assert_array_equal(logs.reward, logs.end.astype(np.float32))


def test_rollouts_of_mazes_are_what_a_plain_search_finds() -> None:
    levels = mazes(levels=2, starts=2)
    tables, states = levels.arena.tables, levels.arena.tables.next_state.shape[1]
    for steps in (1, 3, 200):
        found = reach(levels, np.arange(len(levels)), steps)
        rolled = rolled_out(levels, steps).logs
        for unit in range(len(levels)):
            level = levels.arena.level[unit]
            inside = set(
                (levels.logs.before[levels.logs.unit == unit]) % tables.next_state.shape[1]
            )
            for _ in range(steps - 1):
                inside |= {
                    int(tables.next_state[level, s, a])
                    for s in inside for a in range(4) if not tables.end[level, s, a]
                }  # fmt: skip
            own = rolled.before[rolled.unit == unit] % states
            assert sorted(own) == sorted(4 * list(inside))
            assert found.inside[level, list(inside)].all()
        assert found.edge.any() == (steps < 200)


def test_an_overestimate_is_of_the_best_action() -> None:
    tables = corridor()
    truth = optimal(tables)
    values = truth.copy()
    values[0, 1] += [0.5, 0.25]  # from the second cell the way right is worth 0.25, left 0.0625
    where = np.zeros((2, CELLS), bool)
    where[0, 1] = True
    assert overestimate(values, truth, where) == pytest.approx(0.5 + 0.0625 - 0.25)
    assert np.isnan(overestimate(values, truth, np.zeros_like(where)))


def test_what_cannot_be_rolled_out_is_refused() -> None:
    with pytest.raises(UsageError, match="not compiled"):
        rolled_out(point_mass(levels=2, starts=1), 1)
    with pytest.raises(UsageError, match="slip"):
        rolled_out(mazes(levels=2, starts=1, slip=0.1), 1)
