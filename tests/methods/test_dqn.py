from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from log_examples import tables
from practised import scores
from toys import stacked, toy

import gengap as gg
from gengap.methods.dqn import DQN, play, told
from gengap.methods.practice import Acted
from gengap.methods.q_learning import double_target


class Corridor:
    """Two states; the first action leads from the first to the second and there ends, with 1."""

    discount = 0.5

    def __init__(self, copies: int) -> None:
        self.draws = [np.random.default_rng(0)]
        self.state = torch.zeros(1, copies, dtype=torch.int64)

    @property
    def x(self) -> torch.Tensor:
        return torch.eye(2)[self.state]

    def act(self, action: torch.Tensor) -> Acted:
        on, there = action == 0, self.state == 1
        end = on & there
        last = torch.where(on, 1, self.state)
        self.state = torch.where(end, 0, last)
        return Acted(end.float(), end, torch.zeros_like(end), torch.eye(2)[last], self.x)


def test_target_by_hand() -> None:
    """The slow copy judges what the present network chooses; after the end nothing counts."""
    network = tables(policy=[[0.0, 1.0], [3.0, 2.0]])
    state: dict[str, torch.Tensor] = {"target/weight0": torch.tensor([[[5.0, 6.0], [7.0, 8.0]]])}
    state["target/bias0"] = torch.zeros(1, 1, 2)
    practice = Corridor(1)
    for chance in (0.0, 0.0):  # it takes the second action in the first state, and stays there
        play(network, practice, state, torch.tensor([chance]))
    practice.state[:] = 1
    play(network, practice, state, torch.tensor([0.0]))  # the first action, which ends
    rows = {name: state[f"replay/{name}"][:, :3] for name in ("x", "next_x", "action", "end")}
    rows["reward"] = state["replay/reward"][:, :3]
    assert rows["action"].tolist() == [[1, 1, 0]]
    x, after = told({k: v.float() if k in ("x", "next_x") else v for k, v in rows.items()}, 0.5)
    # 0 + 0.5 * 6, as the network prefers the second action in the first state; then the end's 1.
    aim = double_target(network, state, after)
    torch.testing.assert_close(aim, torch.tensor([[3.0, 3.0, 1.0]]))
    aim = double_target(network, state, after, foresight=torch.tensor([0.8]))
    torch.testing.assert_close(aim, torch.tensor([[2.4, 2.4, 1.0]]))
    assert x[0].argmax(-1).tolist() == [0, 0, 1]


def test_chance_falls_in_a_line_for_each_run() -> None:
    built = toy([DQN(exploring=0.5, last_chance=0.1), DQN(exploring=1.0, last_chance=0.2)])
    method, steps = built.method, built.batches[0].context.steps
    assert steps == 6
    found = torch.stack([method.chance(batch) for batch in built.batches])
    wanted = [[1 - 0.9 * min(1, t / 3), 1 - 0.8 * t / 6] for t in range(6)]
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_actions_are_taken_by_chance_as_often_as_said() -> None:
    copies = 20_000
    network, state = tables(policy=[[0.0, 1.0], [0.0, 1.0]]), {}
    play(network, Corridor(copies), state, torch.tensor([0.4]))
    other = (state["replay/action"][:, :copies] == 0).float().mean()
    assert abs(float(other) - 0.2) < 4 * math.sqrt(0.16 / copies)


def test_it_finds_what_actions_are_worth() -> None:
    network, state = tables(policy=[[0.0, 0.0], [0.0, 0.0]]), {}
    method = stacked([DQN(learning_rate=0.03, target_rate=0.1, foresight=1.0)])
    built = toy([DQN()]).batches[0]
    state = method.initial_state(built.context, network.parameters)
    optimizer, practice = method.optimizer(network.parameters, built.context), Corridor(18)
    for step in range(400):
        batch = replace(built, step=step % 2, practice=lambda count: practice)
        method.update(network, optimizer, batch, state)
    # 1 for going on from the second state, and half as much for each action before.
    values = network(torch.eye(2)[None]).logits[0].detach()
    torch.testing.assert_close(values, torch.tensor([[0.5, 0.25], [1.0, 0.5]]), atol=0.02, rtol=0)


def test_it_learns_small_mazes_by_heart_and_a_run_is_the_same_alone() -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3)
    found = scores(levels, "dqn", [0, 1], steps=600)
    assert (found == 1).all()
    alone = scores(levels, "dqn", [1], steps=600)
    np.testing.assert_array_equal(found[1:], alone)
