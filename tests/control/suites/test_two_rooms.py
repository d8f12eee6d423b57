"""Two rooms: what is seen and logged, and walks told by where they led."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.control.hindsight import told
from gengap.control.suites.two_rooms import two_rooms
from gengap.methods.registry import GOALS

LEVELS = two_rooms(levels=6, walks=5, steps=10, stretches=4, aimless=0.5, size=7)


def test_stretches_end_where_they_first_come_to_their_goal() -> None:
    visited = np.array([[3, 4, 3, 5, 4], [7, 7, 7, 7, 7]])
    found = told(visited, 50, np.random.default_rng(0))
    assert set(found.walk) == {0}  # nothing new was come to in the second
    for begin, end, goal in zip(found.begin, found.end, found.goal, strict=True):
        way = visited[0, begin : end + 1]
        assert way[-1] == goal
        assert goal not in way[:-1]
    wanted = {(0, 1, 4), (0, 3, 5), (1, 2, 3), (1, 3, 5), (2, 3, 5), (2, 4, 4), (3, 4, 4)}
    assert set(zip(found.begin, found.end, found.goal, strict=True)) == wanted


def test_layouts_are_walls_with_a_door() -> None:
    tables, places = LEVELS.arena.tables, LEVELS.arena.tables.next_state.shape[1]
    assert places == 5 * 5 - 4
    assert len(tables) == 6 * places
    seen = tables.observation[::places, :, 0]
    row, column, wall, door = (seen[..., 5 * k : 5 * (k + 1)].argmax(-1) + 1 for k in range(4))
    assert ((column != wall) | (row == door)).all()
    assert len({(w, d) for w, d in zip(wall[:, 0], door[:, 0], strict=True)}) == 6
    own = tables.factors.iloc[::places]
    np.testing.assert_array_equal(wall[:, 0], own["wall"])
    np.testing.assert_array_equal(door[:, 0], own["door"])
    # The second view is what is seen at the goal.
    for goal in (0, 7):
        shown = tables.observation[goal, :, 1]
        np.testing.assert_array_equal(shown, np.broadcast_to(seen[0, goal], shown.shape))
        assert (tables.next_state[goal][tables.end[goal]] == goal).all()


def test_the_log_is_of_walks_in_the_tables() -> None:
    logs, arena = LEVELS.logs, LEVELS.arena
    tables, places = arena.tables, arena.tables.next_state.shape[1]
    row, before = np.divmod(logs.before, places)
    np.testing.assert_array_equal(row, arena.level[logs.unit])
    after = tables.next_state[row, before, logs.action]
    np.testing.assert_array_equal(row * places + after, logs.after)
    np.testing.assert_array_equal(tables.end[row, before, logs.action], logs.end)
    np.testing.assert_array_equal(logs.end, np.append(logs.unit[1:] != logs.unit[:-1], True))
    np.testing.assert_array_equal(logs.before[logs.begins] % places, arena.start)
    assert GOALS in LEVELS.offers
    every = np.arange(len(LEVELS))
    assert (arena.expert_scores(every, "success") == 1).all()


def test_layouts_and_walks_do_not_depend_on_how_many_are_made() -> None:
    fewer = two_rooms(levels=3, walks=5, steps=10, stretches=4, aimless=0.5, size=7)
    count = len(fewer)
    np.testing.assert_array_equal(fewer.logs.action, LEVELS.logs.action[: len(fewer.logs)])
    np.testing.assert_array_equal(fewer.arena.start, LEVELS.arena.start[:count])
    straight = two_rooms(levels=2, walks=5, steps=10, stretches=4, size=7)
    steps = np.diff(straight.logs.begins, append=len(straight.logs))
    assert (steps >= straight.factors["distance"]).all()


@pytest.mark.parametrize(
    ("given", "said"), [({"levels": 36}, "35 layouts"), ({"aimless": 2}, "between 0 and 1")]
)
def test_bad_input_is_named(given: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        two_rooms(**given)  # type: ignore[arg-type]
