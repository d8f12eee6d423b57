from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from log_examples import ENDS, by_a_loop, follows, log, tables
from toys import stacked, toy

from gengap.methods.cql import CQL

# In the first state the second action leads on; in the second state the first one ends, with 1.
LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]


def test_two_states_by_hand() -> None:
    network = tables(policy=[[0, math.log(3)], [0, math.log(4)]])  # softmax 1/4, 3/4; 1/5, 4/5
    method = stacked([CQL(penalty=2, target_rate=0.1)])
    batch = log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    state["target/weight0"] = torch.tensor([[[7.0, 7.0], [2.0, 6.0]]])
    # Of the second state the network prefers the second action, which the slow copy calls 6.
    error = math.log(3) - 0.5 * 6, 0 - 1
    wanted = torch.tensor(
        [[2 * 1 / 4, error[0] + 2 * (3 / 4 - 1)], [error[1] + 2 * (1 / 5 - 1), 2 * 4 / 5]]
    )
    found = method.gradients(network, batch, state)
    torch.testing.assert_close(found["weight0"][0], wanted / 2)
    follows(method, network, batch, state)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_gradient_by_a_loop(penalty: float) -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        action, on = after.action[run].flatten(), after.next_x[run].flatten(0, 1)
        values = net("", batch.x[run].flatten(0, 1))
        best = net("", on).argmax(1)
        later = behind("", on)[torch.arange(len(best)), best]
        aim = after.reward[run].flatten() + after.goes_on[run].flatten() * later
        error = values[torch.arange(len(best)), action] - aim.detach()
        return error.square().mean() / 2 + penalty * F.cross_entropy(values, action)

    by_a_loop(toy([CQL(penalty=penalty)] * 2), loss)


def test_only_the_penalty_keeps_untried_actions_low() -> None:
    """One state, its second action never logged, and a slow copy that believes in it."""
    values = {}
    for penalty in (0.0, 1.0):
        network = tables(1, policy=[[0.0, 3.0]])
        method = stacked([CQL(penalty=penalty, learning_rate=0.05, target_rate=0.1)])
        batch = log([(0, 0, 1.0, 0), (0, 0, 1.0, 0)], states=1)
        state = method.initial_state(batch.context, network.parameters)
        optimizer = method.optimizer(network.parameters, batch.context)
        for _ in range(300):
            method.update(network, optimizer, batch, state)
        values[penalty] = network(torch.ones(1, 1)).logits[0].detach()
    assert values[1.0][0] - values[1.0][1] > 2
    # Without it the value of the logged action is that of what follows by the other, never tried.
    torch.testing.assert_close(values[0.0], torch.tensor([1 + 0.5 * 3, 3]), atol=0.02, rtol=0)
