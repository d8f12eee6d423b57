"""Physical systems are problems like any other, and their scores are those of single episodes."""

import numpy as np
import pytest
import torch
from torch import Tensor

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.testing.problems import ProblemConformance
from gengap.training.problem import Problem

SUITES = ["cart-pole", "pendulum", "mountain-car", "point-mass"]


def some(suite: str, levels: int = 6, **options: object) -> Levels:
    return gg.load_suite(suite, levels=levels, starts=3, **options)


class TestCartPole(ProblemConformance):
    def problem(self) -> Problem:
        return some("cart-pole")


class TestPendulum(ProblemConformance):
    def problem(self) -> Problem:
        return some("pendulum")


def alone(levels: Levels, unit: int, policy: object) -> tuple[float, bool, bool]:
    """One episode, step by step: sum of rewards, whether it ended, and the last observation."""
    contexts = levels.arena.contexts
    own = {name: values[unit : unit + 1] for name, values in contexts.own.items()}
    state, total, end = contexts.start[unit : unit + 1], 0.0, np.array([False])
    for _ in range(contexts.system.horizon):
        seen = np.concatenate([contexts.system.seen(state)[0], contexts.sight[unit]])
        answer = policy(torch.tensor(seen[None], dtype=torch.float32)).numpy()
        action = answer.argmax(1) if contexts.system.discrete else np.clip(answer, -1, 1)
        state, reward, end = contexts.system.step(state, action.astype(action.dtype), own)
        total += float(reward[0])
        if end[0]:
            break
    return total, bool(end[0]), bool(contexts.system.good(state)[0])


@pytest.mark.parametrize("suite", SUITES)
def test_scores_are_those_of_one_episode_at_a_time(suite: str) -> None:
    levels = some(suite)
    weight = torch.randn(
        levels.shape[0], levels.outputs, generator=torch.Generator().manual_seed(0)
    )

    def policy(x: Tensor) -> Tensor:
        return x @ weight

    units = np.array([3, 0, 17, 8])
    found = levels.arena.scores(policy, units, "return")
    success = levels.arena.scores(policy, units, "success")
    for place, unit in enumerate(units):
        total, end, good = alone(levels, unit, policy)
        assert found[place] == pytest.approx(total, rel=1e-4)
        assert success[place] <= (end if levels.arena.contexts.system.goal else not end and good)


@pytest.mark.parametrize("suite", SUITES)
def test_the_expert_is_one_and_random_actions_are_nothing(suite: str) -> None:
    levels = some(suite, 20)
    arena, everywhere = levels.arena, np.arange(len(levels))
    assert arena.expert_scores(everywhere, "normalised return").mean() == pytest.approx(1, abs=1e-5)
    assert arena.random_scores(everywhere, "normalised return").mean() == pytest.approx(0, abs=1e-5)
    assert arena.expert_scores(everywhere, "success").mean() > 0.95
    # Equal preferences are acting at random, other draws apart.
    if arena.contexts.system.discrete:
        even = arena.scores(lambda x: torch.zeros(len(x), levels.outputs), everywhere, "return")
        spread = arena.random_scores(everywhere, "return").std() / np.sqrt(len(levels))
        assert even.mean() == pytest.approx(
            arena.random_scores(everywhere, "return").mean(), abs=4 * spread + 1
        )


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("data", ["expert", "replay"])
def test_logs_are_what_the_physics_do(suite: str, data: str) -> None:
    """The observation after is the step's of the observation before, one by one."""
    levels = some(suite, data=data)
    logs, contexts = levels.logs, levels.arena.contexts
    joined = np.diff(logs.unit) == 0
    np.testing.assert_array_equal(logs.after[:-1][joined], logs.before[1:][joined])
    assert not logs.end[:-1][joined].any()
    first = np.flatnonzero(np.diff(logs.unit, prepend=-1))
    np.testing.assert_array_equal(
        logs.observations[logs.before[first]],
        contexts.seen(contexts.start, np.arange(len(levels))),
    )
    state = contexts.start
    for number in range(5):
        row = first + number
        state, reward, end = contexts.system.step(
            state,
            logs.action[row].astype(np.float64 if logs.action.ndim > 1 else int),
            contexts.own,
        )
        if end.any() or (logs.unit[row] != np.arange(len(levels))).any():
            break
        seen = contexts.seen(state, np.arange(len(levels)))
        np.testing.assert_allclose(logs.observations[logs.after[row]], seen, atol=1e-5)
        np.testing.assert_allclose(logs.reward[row], reward * contexts.system.worth, rtol=1e-5)


def test_a_context_is_the_same_whichever_are_drawn_with_it() -> None:
    few, many = some("cart-pole", 3), some("cart-pole", 8)
    for name, values in few.arena.contexts.parameters.items():
        np.testing.assert_array_equal(values, many.arena.contexts.parameters[name][:3])
    np.testing.assert_array_equal(few.arena.contexts.start, many.arena.contexts.start[:9])
    own = many.logs.unit < len(few)
    np.testing.assert_array_equal(few.logs.action, many.logs.action[own])
    one = some("cart-pole", 3, vary="length")
    np.testing.assert_array_equal(one.factors["length"], few.factors["length"])
    assert set(one.factors["gravity"]) == {9.8}


def test_what_is_seen_of_the_context() -> None:
    visible, hidden = some("point-mass"), some("point-mass", context="hidden")
    noisy, other = some("point-mass", context="noisy"), some("point-mass", 9, context="noisy")
    assert (visible.shape, hidden.shape, noisy.shape) == ((7,), (4,), (7,))
    shown = visible.arena.contexts.sight
    np.testing.assert_allclose(shown, visible.factors[["gravity", "mass", "friction"]], rtol=1e-6)
    np.testing.assert_array_equal(noisy.arena.contexts.sight, other.arena.contexts.sight[:18])
    assert np.abs(noisy.arena.contexts.sight - shown).min() > 0
    assert some("point-mass", vary="mass").shape == (5,)


@pytest.mark.parametrize("suite", SUITES)
def test_practice_steps_copies_and_restarts_them(suite: str) -> None:
    levels = some(suite)
    contexts = levels.arena.contexts
    draws = [np.random.default_rng(run) for run in range(2)]
    practice = levels.arena.practice([np.arange(3), np.arange(6, 12)], draws, 4)
    ended = 0
    for number in range(contexts.system.horizon):
        before, unit, age = practice.state.copy(), practice.unit.copy(), practice.age.copy()
        assert set(unit[:4]) <= set(range(3))
        assert set(unit[4:]) <= set(range(6, 12))
        if contexts.system.discrete:
            action = torch.full((2, 4), number % levels.outputs)
        else:
            action = torch.full((2, 4, 1), 3.0)  # beyond what is possible
        acted = practice.act(action)
        flat = action.flatten(0, 1).numpy()
        flat = flat if contexts.system.discrete else np.ones((8, 1))
        own = {name: values[unit] for name, values in contexts.own.items()}
        after, reward, end = contexts.system.step(before, flat, own)
        np.testing.assert_allclose(acted.last.flatten(0, 1), contexts.seen(after, unit))
        np.testing.assert_allclose(
            acted.reward.flatten(), reward * contexts.system.worth, rtol=1e-5
        )
        np.testing.assert_array_equal(acted.end.flatten(), end)
        np.testing.assert_array_equal(
            acted.cut.flatten(), ~end & (age + 1 >= contexts.system.horizon)
        )
        ended += int((acted.end | acted.cut).sum())
        on = ~(acted.end | acted.cut).flatten().numpy()
        np.testing.assert_array_equal(practice.state[on], after[on])
    assert ended >= 8


def test_a_study_tells_what_longer_poles_cost() -> None:
    found = gg.Study(
        gg.load_suite("cart-pole", levels=20, starts=3, vary="length"),
        methods=["bc", "random", "expert"], splits="extrapolate:length", seeds=2, steps=300,
        batch=8, model="mlp(32)",
    ).run()  # fmt: skip
    gaps = found.gaps.groupby("method")[["unseen", "reference"]].mean()
    assert gaps.loc["random"].max() < 0.2 < gaps.loc["bc"].min()


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match=r"no parameter 'lenght'.*length"):
        some("cart-pole", vary="lenght")
    with pytest.raises(UsageError, match="two levels"):
        some("pendulum", 1)
    with pytest.raises(UsageError, match="context"):
        some("pendulum", context="foggy")
    with pytest.raises(UsageError, match="scored by normalised_return"):
        gg.Study(some("pendulum"), metric="return")
