from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from log_examples import ENDS, by_a_loop, follows, log, tables
from toys import TASKS, stacked, toy

from gengap.methods.iql import IQL, expectile_slopes

LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]


def test_two_states_by_hand() -> None:
    # The slow twins call the logged actions 3 (of 3 and 5) and 1 (of 4 and 1): advantages 1, -1.
    network = tables(policy=[[0, 0], [0, 0]], value=[[2], [2]], q1=[[0, 3], [4, 0]],
                     q2=[[0, 5], [1, 0]])  # fmt: skip
    method = stacked([IQL(expectile=0.8, sharpness=math.log(2), target_rate=0.1)])
    batch = log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    assert {name.split("/")[1] for name in state} == {"q1", "q2"}
    found = method.gradients(network, batch, state)
    wanted = {
        "value": [[-2 * 0.8], [2 * 0.2]],  # of 0.8 u² where the action was better, else 0.2 u²
        "q1": [[0, 3 - 0.5 * 2], [4 - 1, 0]],
        "q2": [[0, 5 - 0.5 * 2], [1 - 1, 0]],
        "": [[2 * 0.5, -2 * 0.5], [-0.5 * 0.5, 0.5 * 0.5]],  # weights 2 and 1/2
    }
    for name, table in wanted.items():
        place = f"{name}/weight0" if name else "weight0"
        torch.testing.assert_close(found[place][0], torch.tensor(table) / 2, msg=name)
    follows(method, network, batch, state)


def test_the_value_settles_at_the_expectile() -> None:
    """Of 0, 1 and 10 the 0.9-expectile m has 0.9 (10 - m) = 0.1 (m + m - 1), so m = 9.1 / 1.1."""
    worth, value = torch.tensor([[0.0, 1.0, 10.0]]), 0.0
    for _ in range(2000):
        value -= 0.05 * float(expectile_slopes(worth - value, 0.9).mean())
    assert value == pytest.approx(9.1 / 1.1, abs=1e-3)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_weights_do_not_depend_on_the_scale_of_rewards(scale: float) -> None:
    rows = [[0, 3], [4, 0]], [[0, 5], [1, 0]]
    found = []
    for factor in (1.0, scale):
        q1, q2 = (np.multiply(factor, r).tolist() for r in rows)
        network = tables(policy=[[0, 1], [1, 0]], value=[[2 * factor]] * 2, q1=q1, q2=q2)
        method, batch = stacked([IQL()]), log(LOG)
        state = method.initial_state(batch.context, network.parameters)
        found.append(method.gradients(network, batch, state)["weight0"])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_a_loop(task: str) -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        x, on = batch.x[run].flatten(0, 1), after.next_x[run].flatten(0, 1)
        action = after.action[run].flatten(0, 1)

        def worth(networks, name):
            if task == "regression":
                return networks(name, torch.cat([x, action], 1))[:, 0]
            return networks(name, x)[torch.arange(len(x)), action]

        value = net("value", x)[:, 0]
        better = torch.minimum(worth(behind, "q1"), worth(behind, "q2")).detach() - value
        aim = after.goes_on[run].flatten() * net("value", on)[:, 0].detach()
        aim = after.reward[run].flatten() + aim
        better_known = better.detach()
        sharp = (2 * better_known / better_known.std(correction=0)).exp().clamp(max=100)
        said = net("", x)
        if task == "regression":
            cloning = (said - action).square().sum(1)
        else:
            cloning = F.cross_entropy(said, action, reduction="none")
        upper = torch.where(better_known < 0, 0.1, 0.9)
        return (
            (upper * better.square()).mean()
            + sum((worth(net, name) - aim).square().mean() / 2 for name in ("q1", "q2"))
            + (sharp * cloning).mean()
        )

    by_a_loop(toy([IQL(expectile=0.9, sharpness=2)] * 2, task), loss)
