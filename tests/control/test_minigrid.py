"""Compiled MiniGrid levels against MiniGrid itself, step by step."""

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.planning import optimal

pytest.importorskip("minigrid")

from gengap.control.minigrid import encoded, made, minigrid_tables, played

QUICK = ("DoorKey-5x5", "GoToRedBallNoDists", "LavaGapS5")
SLOW = (
    "FourRooms", "Unlock", "GoToLocalS5N2", "LavaCrossingS9N1", "Fetch-5x5-N2", "PutNear-6x6-N2",
    "PutNextS4N1", "MemoryS7", "SimpleCrossingS9N2",
)  # fmt: skip


@pytest.mark.parametrize("task", QUICK)
def test_tables_do_what_the_simulator_does(task: str) -> None:
    same_for_a_thousand_steps(task)


@pytest.mark.slow
@pytest.mark.parametrize("task", SLOW)
def test_tables_do_what_the_simulator_does_in_larger_levels(task: str) -> None:
    same_for_a_thousand_steps(task)


def same_for_a_thousand_steps(task: str) -> None:
    tables = minigrid_tables(task, range(2), 1, 200_000)
    best = optimal(tables).argmax(-1)
    env, rng, ends = made(task), np.random.default_rng(0), 0
    for level in range(2):
        over = True
        for _ in range(500):
            if over:
                seen, _ = env.reset(seed=level)
                env.max_steps, state = 10**9, int(tables.start[level, 0])
            np.testing.assert_array_equal(tables.observation[level, state], encoded(seen))
            action = int(rng.integers(7) if rng.random() < 0.7 else best[level, state])
            seen, reward, over, _, _ = env.step(action)
            assert tables.end[level, state, action] == over
            assert tables.reward[level, state, action] == np.sign(reward)
            state = int(tables.next_state[level, state, action])
            ends += over
    assert ends > 2


def test_a_suite_of_them_is_solved_by_its_expert() -> None:
    levels = gg.load_suite("minigrid", task="DoorKey-5x5", levels=4)
    everywhere = np.arange(len(levels))
    assert levels.arena.expert_scores(everywhere, "success").min() == 1
    assert set(levels.factors["instruction"]) == {
        "use the key to open the door and then get to the goal"
    }


def test_what_cannot_be_compiled_is_said() -> None:
    with pytest.raises(UsageError, match="did you mean"):
        made("FourRoom")
    with pytest.raises(UsageError, match="more than 50 states"):
        played(made("DoorKey-5x5"), 0, 50)
    with pytest.raises(UsageError, match="draws at random"):
        played(made("Dynamic-Obstacles-5x5"), 0, 10_000)


@pytest.mark.parametrize("task", ["GoToRedBallNoDists", "GoToLocalS5N2"])
def test_the_bot_of_babyai_succeeds_where_value_iteration_does(task: str) -> None:
    levels = gg.load_suite(
        "minigrid", task=task, levels=20, starts=2, data="bot", unsolvable="keep"
    )
    logs, tables, everywhere = levels.logs, levels.arena.tables, np.arange(len(levels))
    won = np.bincount(logs.unit, logs.reward, minlength=len(levels))
    np.testing.assert_array_equal(won, levels.arena.expert_scores(everywhere, "success"))
    # It finds no shorter way than there is, and what it writes down happened in its level.
    steps = np.bincount(logs.unit, minlength=len(levels))
    assert (steps >= levels.factors["distance"]).all()
    level, before = np.divmod(logs.before, tables.next_state.shape[1])
    np.testing.assert_array_equal(level, levels.arena.level[logs.unit])
    at = level, before, logs.action
    np.testing.assert_array_equal(logs.after % tables.next_state.shape[1], tables.next_state[at])
    np.testing.assert_array_equal(logs.end, tables.end[at])


def test_the_bot_reads_tasks_of_babyai_alone() -> None:
    with pytest.raises(UsageError, match="no instruction that BabyAI's bot"):
        gg.load_suite("minigrid", task="Empty-5x5", levels=2, starts=1, data="bot")
