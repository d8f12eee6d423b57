"""Lava, against a player written step by step, and what slipping does to the best way."""

from dataclasses import replace

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.behaviour import stream
from gengap.control.exact import returns
from gengap.control.levels import Levels
from gengap.control.planning import greedy, optimal

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def some(levels: int = 12, **options: object) -> Levels:
    return gg.load_suite("lava", levels=levels, **options)


def test_tables_do_what_a_player_does_step_by_step() -> None:
    """The cells of a full room are numbered row by row; pools are those the stream draws."""
    levels = some(slip=(0.0, 0.3), size=(8,), pools=0.2, seed=2)
    tables, rng, ends = levels.arena.tables, np.random.default_rng(0), [0, 0]
    for level in range(12):
        pool = np.zeros((8, 8), bool)
        pool[1:-1, 1:-1] = (stream(2, "lava", level).random((8, 8), np.float32) < 0.2)[1:-1, 1:-1]
        assert tables.slip[level] == pytest.approx((0.0, 0.3)[level % 2])
        for start in tables.start[level]:
            state, r, c = int(start), 1 + start // 6, 1 + start % 6
            assert not pool[r, c]
            way = tables.observation[level, state, 49:71].reshape(2, 11).argmax(1) - 5
            goal = r + way[0], c + way[1]
            for _ in range(15):
                action = int(rng.integers(4))
                r = min(max(r + MOVES[action][0], 1), 6)
                c = min(max(c + MOVES[action][1], 1), 6)
                won, lost = (r, c) == goal, bool(pool[r, c])
                assert tables.reward[level, state, action] == won
                assert tables.end[level, state, action] == (won or lost)
                if won or lost:
                    ends[won] += 1
                    break
                state = int(tables.next_state[level, state, action])
                assert state == (r - 1) * 6 + c - 1
                seen = tables.observation[level, state]
                near = np.pad(pool, 3)[r : r + 7, c : c + 7]
                np.testing.assert_array_equal(seen[71:120], near.ravel())
                np.testing.assert_array_equal(seen[120:], [1] * 3 + [0] * 7 if level % 2 else 0)
    assert min(ends) > 5


def test_slipping_changes_the_best_way_and_not_knowing_of_it_costs() -> None:
    """The way that is best where nobody slips, walked where one slips, against the best there."""
    levels = some(40, slip=(0.4,))
    arena, tables = levels.arena, levels.arena.tables
    firm = greedy(optimal(replace(tables, slip=np.zeros(40, np.float32))))
    known = greedy(optimal(tables))
    assert ((firm * known).sum(-1)[tables.real] == 0).mean() > 0.05
    careless, careful = (returns(tables, p, arena.level, arena.start).mean() for p in (firm, known))
    assert careful > careless + 0.03
    rng, reached = np.random.default_rng(0), []
    for _ in range(3):  # the same by walking, slip by slip
        for level, start in zip(arena.level, arena.start, strict=True):
            state, worth, total = int(start), 1.0, 0.0
            for _ in range(tables.horizon):
                action = rng.choice(4, p=known[level, state] / known[level, state].sum())
                action = rng.integers(4) if rng.random() < 0.4 else action
                total += worth * tables.reward[level, state, action]
                if tables.end[level, state, action]:
                    break
                worth, state = worth * 0.99, int(tables.next_state[level, state, action])
            reached.append(total)
    assert abs(np.mean(reached) - careful) < 4 * np.std(reached) / len(reached) ** 0.5


def test_hidden_context_is_not_seen() -> None:
    shown, hidden = (some(context=context).arena.tables for context in ("shown", "hidden"))
    np.testing.assert_array_equal(shown.observation[..., :-10], hidden.observation)
    np.testing.assert_array_equal(shown.next_state, hidden.next_state)
    np.testing.assert_array_equal(shown.slip, hidden.slip)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="shares"):
        some(slip=(1.5,))
    with pytest.raises(UsageError, match="fewer starts"):
        some(pools=0.9)
