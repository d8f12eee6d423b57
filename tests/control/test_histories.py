"""Learners that remember: what they are fed, how they are scored, and that they need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from cues import cues, learnt, of_tables, tasks_of
from torch import Tensor

import gengap as gg
from corridors import Bucket, make, play
from gengap.control.agents import Forgetful, acting
from gengap.control.levels import Levels
from gengap.control.logged import Logged
from gengap.control.tables import LevelTables
from gengap.methods.base import Memory, Method, Predictor, stack
from gengap.methods.batch import Batch, Context
from gengap.methods.bc import BC
from gengap.methods.bc_transformer import BCTransformer
from gengap.methods.dt import DecisionTransformer
from gengap.methods.practice import Windows
from gengap.models.networks import MLP, Network, Output, Parameters
from gengap.training.train import initial_network


@dataclass(frozen=True)
class Recurrent(Method):
    """Somebody's own learner: ``h <- tanh(W features + U h)``, actions read off ``h``."""

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        def drawn(*size: int) -> Tensor:
            return torch.randn(size, generator=generator) / size[0] ** 0.5

        return {"rnn/in": drawn(context.features, 16), "rnn/on": drawn(16, 16),
                "rnn/out": drawn(16, context.outputs)}  # fmt: skip

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        past, p = batch.windows(4), network.parameters
        features, hidden, losses = network(past.x).features.flatten(1, 2), 0, []
        for step in range(4):
            told = features[:, :, step] @ p["rnn/in"]
            hidden = torch.tanh(told + (hidden @ p["rnn/on"] if step else 0))
            said = (hidden @ p["rnn/out"]).flatten(0, 1)
            action = past.action[..., step].flatten()
            own = F.cross_entropy(said, action, reduction="none").view(len(features), -1)
            losses.append(own * past.mask[..., step].flatten(1))
        return torch.stack(losses).sum((0, 2)) / past.mask.flatten(1).sum(1)

    def memory(self, network: Network, copies: int) -> Memory:
        return {"hidden": torch.zeros(len(network.parameters["rnn/on"]), copies, 16)}

    def recall(self, network: Network, x: Tensor, memory: Memory) -> Output:
        p, features = network.parameters, network(x).features
        hidden = torch.tanh(features @ p["rnn/in"] + memory["hidden"] @ p["rnn/on"])
        memory["hidden"].copy_(hidden)
        return Output(hidden, hidden @ p["rnn/out"])

    def output(self, network: Network, x: Tensor) -> Output:
        return self.recall(network, x, self.memory(network, x.shape[1]))


def windows(levels: Levels, length: int, runs: int = 2) -> tuple[Windows, Any]:
    feed = levels.feed(tasks_of(levels, runs), steps=3, batch=8, slots=len(levels.names),
                       device="cpu")  # fmt: skip
    context = Context("classification", 2, 4, 4, 6, 3)
    return feed.batch(0, context).windows(length), feed


@pytest.mark.parametrize("length", [2, 3, 6])
def test_windows_are_pieces_of_the_log(length: int) -> None:
    """Each is found in the log by a loop: the steps that end with an example, or the first."""
    levels = gg.load_suite("mazes", levels=4, size=7, data="mixed")
    logs = levels.logs
    past, feed = windows(levels, length)
    assert past.mask.shape == (2, 4, max(1, 8 // length), length)
    for run, slot, number in np.ndindex(past.mask.shape[:3]):
        example = int(feed.rows[0, run, slot, number])
        own = np.flatnonzero(logs.unit == logs.unit[example])
        place = example - own[0]
        first = max(0, place - length + 1)
        rows = own[first : first + length]
        mask = past.mask[run, slot, number].numpy()
        assert mask.tolist() == [k < len(rows) for k in range(length)]
        assert place in range(first, first + length)
        at = (run, slot, number, mask)
        seen = logs.observations[logs.before[rows]]
        np.testing.assert_array_equal(past.x[at], seen)
        for name, column in (("action", logs.action), ("reward", logs.reward),
                             ("returns", logs.returns)):  # fmt: skip
            np.testing.assert_array_equal(getattr(past, name)[at], column[rows])
        np.testing.assert_array_equal(past.time[at], np.arange(first, first + len(rows)))
    begins = logs.returns[np.flatnonzero(np.diff(logs.unit, prepend=-1))]
    assert past.reach[:, [0, 50, 100]].tolist() == pytest.approx(
        np.tile(np.percentile(begins, [0, 50, 100]), (2, 1)).astype(np.float32)
    )


def test_what_was_seen_before_is_needed_and_remembered() -> None:
    """The action must be what was seen three steps ago: without a memory half are right."""
    levels, settings = cues(), {"learning_rate": 0.003}
    assert learnt(levels, [BC(**settings)] * 2).mean(1).tolist() == [0.5, 0.5]
    for kind in (BCTransformer, Recurrent):
        np.testing.assert_array_equal(learnt(levels, [kind(**settings)] * 2, 300), 1)


def test_a_history_that_is_too_short_does_not_help() -> None:
    short = learnt(cues(), [BCTransformer(learning_rate=0.01, history=3)] * 2)
    assert short.mean() == 0.5


def lanes() -> LevelTables:
    """Three steps, at each of which the second action earns 1."""
    onward = np.array([[[1, 1], [2, 2], [2, 2]]])
    reward = np.tile(np.array([0, 1], np.float32), (1, 3, 1))
    end = np.array([[[False] * 2, [False] * 2, [True] * 2]])
    return LevelTables(
        *(np.repeat(a, 2, 0) for a in (onward, reward, end, np.eye(3, dtype=np.uint8)[None])),
        np.array([3, 3]), np.zeros((2, 100), int), 3, ("idle", "work"),
        pd.DataFrame({"level": ["a", "b"]}),
    )  # fmt: skip


def test_who_asks_for_more_gets_more() -> None:
    levels = of_tables(lanes(), "random")
    more, less = learnt(levels, [DecisionTransformer(learning_rate=0.01, aim=aim)
                                 for aim in (1.0, 0.0)])  # fmt: skip
    assert more.mean() == 1
    assert less.mean() == 0


def policies(levels: Levels) -> Any:
    weight = torch.randn(
        levels.shape[0], levels.outputs, generator=torch.Generator().manual_seed(1)
    )
    return lambda x: x.float() @ weight


@pytest.mark.parametrize("score", ["success", "return", "normalised return"])
def test_playing_is_exact_where_levels_know_no_chance(score: str) -> None:
    levels = gg.load_suite("mazes", levels=6, size=7)
    policy, units = policies(levels), np.array([3, 0, 44, 44, 17])
    exact = levels.arena.scores(policy, units, score)
    found = levels.arena.scores(Forgetful(policy), units, score)
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_playing_on_slippery_levels_comes_near_what_is_expected() -> None:
    levels = gg.load_suite("mazes", levels=30, size=7, slip=0.3)
    expert = levels.arena.values.argmax(-1)
    shown = {}  # what the expert does, by what is seen
    tables = levels.arena.tables
    for place in zip(*np.nonzero(tables.real), strict=True):
        shown.setdefault(tables.observation[place].tobytes(), expert[place])

    def policy(x: Tensor) -> Tensor:
        return F.one_hot(torch.tensor([shown[row.numpy().tobytes()] for row in x]), 4).float()

    every = np.arange(len(levels))
    expected = levels.arena.scores(policy, every, "return")
    found = levels.arena.scores(Forgetful(policy), every, "return")
    apart = found - expected
    assert abs(apart.mean()) < 3 * apart.std() / len(every) ** 0.5
    again = levels.arena.scores(Forgetful(policy), every[5:9], "return")
    np.testing.assert_array_equal(again, found[5:9])


@pytest.mark.parametrize("suite", ["cart-pole", "pendulum"])
def test_physical_systems_tell_those_who_remember_what_came_of_it(suite: str) -> None:
    """What an agent is told it earned is what it is scored by, as logs count rewards."""
    levels = gg.load_suite(suite, levels=4, starts=2)

    class Noting(Forgetful):
        def begin(self, copies: int) -> None:
            self.total, self.steps = np.zeros(copies), np.zeros(copies)

        def answer(self, x: Tensor, going: np.ndarray) -> Tensor:
            self.going = going
            return self.policy(x)

        def note(self, action: np.ndarray, reward: np.ndarray) -> None:
            self.total[self.going] += reward
            self.steps[self.going] += 1
            assert len(action) == len(self.going)

    agent, every = Noting(policies(levels)), np.arange(len(levels))
    found = levels.arena.scores(agent, every, "return")
    np.testing.assert_allclose(agent.total, found * levels.arena.contexts.system.worth, rtol=1e-4)
    np.testing.assert_array_equal(found, levels.arena.scores(agent.policy, every, "return"))


def test_copies_of_a_simulator_forget_when_an_episode_is_over() -> None:
    """Corridors of a factory that are more than there are copies, whoever plays beside whom."""
    data = Logged.from_frame(play(range(70)))
    levels = Levels.from_gymnasium(make, seeds=range(70), data=data)
    method = Recurrent(learning_rate=0.01)
    (together,) = learnt_scores(levels, method, [np.arange(70)])
    apart = learnt_scores(levels, method, [np.arange(a, a + 7) for a in range(0, 70, 7)])
    np.testing.assert_array_equal(together, np.concatenate(apart))
    assert 0 < together.mean() < 1


def learnt_scores(levels: Levels, method: Method, units: list[np.ndarray]) -> list[np.ndarray]:
    """Scores on several sets of units, apart, of one training."""
    feed = levels.feed(tasks_of(levels, 1), steps=1, batch=1, slots=1, device="cpu")
    network, _ = initial_network(
        levels, tasks_of(levels, 1), [method], MLP((8,)), slots=1, steps=1, device="cpu"
    )
    agent = acting(Predictor(network, stack([method])).run(0), feed.tasks[0].prepared)
    return [levels.arena.scores(agent, own, "return") for own in units]


def test_vectors_of_actions_are_remembered() -> None:
    def bucket(leak: float = 1.0) -> Bucket:
        return Bucket(leak)

    data = Logged.from_frame(poured())
    levels = Levels.from_gymnasium(bucket, contexts={"leak": [0.5, 1.0]}, data=data)
    found = learnt(levels, [DecisionTransformer()], steps=5)
    assert np.isfinite(found).all()


def poured() -> pd.DataFrame:
    rows = []
    for leak in (0.5, 1.0):
        env = Bucket(leak)
        for episode in range(3):
            seen, _ = env.reset(seed=episode)
            for step in range(10):
                action = np.clip(5 - seen + leak, -2, 6)
                after, reward, _, cut, _ = env.step(action)
                rows.append((f"leak={leak}", episode, step, seen, action, reward, False, cut))
                seen = after
    names = ["level", "episode", "step", "observation", "action", "reward", "terminated",
             "truncated"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)
