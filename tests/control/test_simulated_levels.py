"""Somebody's simulator as levels: what is scored, what is seen, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

import gengap as gg
from corridors import (
    REACH,
    Bucket,
    Corridor,
    Spoken,
    Told,
    expert,
    make,
    play,
)
from gengap.base.errors import UsageError
from gengap.control.feed import PreparedPractice, Scales
from gengap.control.levels import Levels
from gengap.control.logged import Logged
from gengap.delivery.agents import preparation
from gengap.methods.practice import Acted
from gengap.testing.problems import ProblemConformance
from gengap.training.problem import Problem


def levels(count: int = 8, **more: Any) -> Levels:
    data = more.pop("data", Logged.from_frame(play(range(count), episodes=2)))
    return Levels.from_gymnasium(more.pop("factory", make), seeds=range(count), data=data, **more)


class TestSimulated(ProblemConformance):
    def problem(self) -> Problem:
        return levels()


def to_the_exit(seen: Tensor) -> Tensor:
    return torch.stack([-seen[:, 1], seen[:, 1]], 1)


def test_rollouts_score_what_a_plain_loop_does() -> None:
    made = levels()
    everywhere = np.arange(len(made))
    assert made.arena.scores(to_the_exit, everywhere, "return").tolist() == [1.0] * 16
    right = made.arena.scores(lambda x: torch.tensor([[0.0, 1.0]]).repeat(len(x), 1), everywhere,
                              "success")  # fmt: skip
    sides = []
    for seed in range(8):
        env = Corridor()
        env.reset(seed=seed)
        sides += [env.side > 0] * 2
    assert right.tolist() == [float(side) for side in sides]


def test_ties_are_broken_by_chance_and_alike_whoever_is_scored_beside() -> None:
    made = levels(8, factory=lambda: make(0.2), starts=2)
    even = lambda x: torch.zeros(len(x), 2)  # noqa: E731
    all_of_them = made.arena.scores(even, np.arange(16), "return")
    assert set(all_of_them.tolist()) == {0.0, 1.0}
    for units in ([3], [5, 1]):
        alone = made.arena.scores(even, np.array(units), "return")
        assert alone.tolist() == all_of_them[units].tolist()


def test_logs_become_the_transitions_that_were_logged() -> None:
    frame = play(range(3))
    made = levels(3, data=Logged.from_frame(frame))
    logs = made.logs
    assert len(logs) == len(frame) == 3 * REACH
    np.testing.assert_array_equal(logs.observations[logs.before], np.stack(frame["observation"]))
    inner = ~logs.end
    np.testing.assert_array_equal(logs.after[inner], logs.before[np.flatnonzero(inner) + 1])
    assert logs.end.sum() == 3
    np.testing.assert_allclose(logs.returns[:REACH], [0.99**2, 0.99, 1], rtol=1e-6)


def test_a_study_runs_on_them_and_an_online_method_without_logs() -> None:
    found = gg.Study(
        levels(8, expert=expert), methods=["bc", "random", "expert"], splits="folds:2", seeds=1,
        steps=60, batch=4, model="mlp(16)",
    ).run()  # fmt: skip
    scores = found.gaps.set_index("method")["reference"].groupby("method").mean()
    assert scores["expert"] == 1
    assert scores["bc"] > scores["random"]
    unlogged = levels(4, data=None)
    assert unlogged.offers == ("a simulator",)
    with pytest.raises(UsageError, match="bc needs logged transitions"):
        gg.Study(unlogged, methods=["bc"], splits="folds:2", seeds=1).plan  # noqa: B018


def test_acting_at_random_and_the_expert_need_no_log() -> None:
    """Vectors are drawn evenly from what is possible; the middle of it would leave the water."""
    made = Levels.from_gymnasium(
        Bucket, contexts={"leak": [1.0, 2.0, 3.0]}, starts=4, expert=lambda seen: [0.0]
    )
    found = gg.Study(
        made, methods=["random", "expert"], splits="folds:3", seeds=1, steps=2, model="linear",
    ).run()  # fmt: skip
    assert list(found.scores) == ["random", "expert"]
    everywhere = np.arange(len(made))
    scores = made.arena.random_scores(everywhere, "return")
    middle = made.arena.scores(lambda x: torch.zeros(len(x), 1), everywhere, "return")
    assert not np.allclose(scores, middle)
    reached = found.gaps.set_index("method")["reference"].groupby("method").mean()
    assert scores.min() <= reached["random"] <= scores.max()
    alone = gg.Study(made, methods=["random"], splits="folds:3", seeds=1, steps=2).plan
    assert [entry.name for entry in alone.entries] == ["random"]


def test_practice_steps_each_copy_in_its_own_runs_levels() -> None:
    made = levels(4)
    units = [np.array([0, 1]), np.array([6, 7])]
    practice = made.arena.practice(units, [np.random.default_rng(run) for run in (0, 1)], 3)
    own = [made.logs.observations[made.logs.before[made.logs.unit == u[0]][0]] for u in units]
    for _ in range(2 * REACH):
        for run in (0, 1):
            assert (practice.x[run, :, 2:] == torch.from_numpy(own[run][2:])).all()
        acted = practice.act((practice.x[..., 1] > 0).long())
        assert torch.equal(acted.reward, acted.end.float())
        assert not acted.cut.any()
        assert (acted.last[..., 0].abs() == 1).equal(acted.end)
        assert (acted.x[..., 0][acted.end] == 0).all()


def test_contexts_are_levels_with_seeds_as_starts_and_boxes_are_scaled() -> None:
    made = Levels.from_gymnasium(Bucket, contexts={"leak": [0.5, 2.0]}, starts=3)
    assert made.names == ("leak=0.5", "leak=2")
    assert made.factors["leak"].tolist() == [0.5] * 3 + [2.0] * 3
    assert made.targets == "regression"
    # Scaled actions from -1 to 1 pour from -2 to 6, so -0.5 pours nothing.
    scores = made.arena.scores(lambda x: torch.full((len(x), 1), -0.5), np.arange(6), "return")
    for unit, (leak, start) in enumerate([(v, s) for v in (0.5, 2.0) for s in range(3)]):
        water = np.random.Generator(np.random.PCG64(start)).uniform(0, 10)
        wanted = -sum(abs(water - leak * (t + 1) - 5) for t in range(10))
        assert scores[unit] == pytest.approx(wanted, rel=1e-5)


def test_what_never_varies_in_training_is_silent_elsewhere() -> None:
    made = Levels.from_gymnasium(Bucket, contexts={"leak": [0.5, 2.0]}, starts=3)
    logs = made.logs
    seen = np.concatenate([logs.observations, np.ones((len(logs.observations), 1), "f4")], 1)
    test = logs.before[logs.transitions(np.arange(3, 6))]
    seen[test, -1] = 7
    made = replace(made, logs=replace(logs, observations=seen))
    scaling = made.prepare(np.arange(3))
    assert scaling is not None
    prepared = (seen[test] - scaling.shift) / scaling.scale
    assert (prepared[:, -1] == 0).all()
    assert prepared[:, 0].std() > 0
    applied = preparation(scaling, made.shape).apply(seen[test])
    np.testing.assert_allclose(applied, prepared, rtol=1e-5, atol=1e-6)
    assert gg.load_suite("mazes", levels=3, size=7).prepare(np.arange(3)) is None


def test_practice_lies_on_the_device_and_actions_where_simulators_act() -> None:
    """Tensors without memory stand for another device's."""
    acted: list[torch.Tensor] = []

    class Place:
        discount, draws, starts, x = 0.9, [], None, torch.ones(1, 2, 3)

        def act(self, action: torch.Tensor) -> Acted:
            acted.append(action)
            flag = torch.zeros(1, 2, dtype=torch.bool)
            return Acted(torch.zeros(1, 2), flag, flag, self.x, self.x)

    for scales in (None, Scales(*(torch.ones(1, 3, device="meta") for _ in range(2)))):
        practice = PreparedPractice(Place(), scales, "meta")  # type: ignore[arg-type]
        found = practice.act(torch.zeros(1, 2, dtype=torch.int64))
        assert practice.x is found.x
        for values in vars(found).values():
            assert values.device.type == "meta"
        assert acted[-1].device.type == "cpu"


def test_text_is_one_hots_of_known_words_in_their_places() -> None:
    made = Levels.from_gymnasium(Spoken, seeds=range(6))
    words = sorted(["please", "go", "to", "the", "left", "right"])
    assert made.shape == (7 + 5 * len(words),)
    first = made.logs.observations[made.logs.before[0]]
    text = made.factors["instruction"][0]
    block = first[: 5 * len(words)].reshape(5, -1)  # the mission comes before the place
    said = [words[row.argmax()] for row in block if row.any()]
    assert said == text.split()
    assert first[5 * len(words) :].argmax() == REACH


def test_instructions_cross_levels() -> None:
    made = Levels.from_gymnasium(Told, seeds=range(3), instructions=["left", "right"])
    assert made.factors["instruction"].tolist() == ["left", "right"] * 3
    assert made.names == ("0", "1", "2")
    left = made.arena.scores(lambda x: -torch.arange(2.0).repeat(len(x), 1), np.arange(6), "return")
    assert left.tolist() == [1, 0] * 3


class Unseeded(Corridor):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=None)


class Deaf(Corridor):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=3)


class Noisy(Corridor):
    def step(self, action: int) -> Any:
        found = super().step(action)
        return (found[0] + np.random.default_rng().normal(), *found[1:])


class NoReward(Corridor):
    def step(self, action: int) -> Any:
        seen, _, *rest = super().step(action)
        return (seen, float("nan"), *rest)


class Broken(Corridor):
    def step(self, action: int) -> Any:
        return 1 / 0


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (Unseeded, "reset.seed=0. of Unseeded gives another level each time"),
        (Deaf, "The 8 levels of Deaf are all the same: it does not heed the seed"),
        (NoReward, "gave the reward nan"),
        (Broken, "step of Broken failed with ZeroDivisionError: .*line"),
        (lambda: 3, "returns a int, which has no reset"),
        ("Absent-v0", "Gymnasium makes no Absent-v0"),
        ("absent_package:make", "There is no module absent_package"),
        ("corridors:mak", "has no mak; did you mean 'make'"),
        (7, "not a int"),
    ],
)
def test_simulators_that_cannot_be_used(factory: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        levels(8, factory=factory, data=None)


def test_what_is_suspicious_is_said() -> None:
    assert "its seed does not decide" in " ".join(levels(3, factory=Noisy, data=None).notes)
    wrong = levels(3, expert=lambda seen: 1 - expert(seen)).notes
    assert any("never succeeds" in note for note in wrong)
    assert any("all of its starts are one" in n for n in levels(3, data=None, starts=4).notes)


def test_levels_that_the_expert_does_not_solve_can_be_dropped() -> None:
    right = levels(8, expert=lambda seen: 1, unsolved="drop")
    assert 0 < len(right.names) < 8
    assert right.arena.expert_scores(np.arange(len(right)), "success").min() == 1
    with pytest.raises(UsageError, match="succeeds in no level"):
        levels(8, expert=lambda seen: 1 - expert(seen), unsolved="drop")
    made = levels(8, expert=lambda seen: 1 - expert(seen), score="normalised return")
    with pytest.raises(UsageError, match="no return can be normalised"):
        made.arena.scores(to_the_exit, np.arange(4), "normalised return")


def logged(**columns: Any) -> Logged:
    return Logged.from_frame(play(range(4)).assign(**columns))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"observation": [[0.0] * 5] * 12}, "have 5 numbers where the simulator's space has 8"),
        ({"action": 2}, "the action 2, but the simulator's are 0 to 1"),
        ({"action": [[0.0, 1.0]] * 12}, "vectors of 2 numbers"),
        ({"action": 0.5}, "no whole numbers"),
        ({"level": np.repeat(range(96, 100), 3)}, "No logged episode is of any of the 4 levels"),
        ({"observation": [[np.nan] * 8] * 12}, "not finite"),
    ],
)
def test_logs_that_do_not_fit_the_simulator(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        levels(4, data=logged(**columns))


def test_actions_of_the_other_kind_do_not_fit() -> None:
    frame = play(range(1)).assign(observation=[[1.0]] * 3, level="leak=1")
    for action, said in ((7.0, "outside the simulator's"), ([[0.0, 1.0]] * 3, "2 numbers")):
        with pytest.raises(UsageError, match=said):
            Levels.from_gymnasium(
                Bucket, contexts={"leak": [1]}, data=Logged.from_frame(frame.assign(action=action))
            )


def test_spaces_that_cannot_be_read() -> None:
    class Endless(Bucket):
        action_space = gym.spaces.Box(-np.inf, np.inf, (1,))

    class Several(Corridor):
        action_space = gym.spaces.MultiDiscrete([2, 2])

    for factory, said in ((Endless, "no ends"), (Several, "MultiDiscrete")):
        with pytest.raises(UsageError, match=said):
            Levels.from_gymnasium(factory, seeds=range(2))


def test_levels_without_logs_of_theirs_are_left_out_and_said() -> None:
    made = levels(10, data=Logged.from_frame(play(range(4))))
    assert made.names == ("0", "1", "2", "3")
    assert any("6 of 10 levels have no logged episode" in note for note in made.notes)


def test_a_continuous_simulator_skips_discrete_methods_with_the_reason() -> None:
    from gengap.methods.registry import method_info, methods

    made = Levels.from_gymnasium(Bucket, contexts={"leak": [0.5, 2.0]})
    discrete = [name for name, info in methods().items() if info.tasks == ("classification",)]
    said = method_info(discrete[0]).why_not(made.targets, 2)
    assert said is not None
    assert "regression" in said
