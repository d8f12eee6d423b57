from __future__ import annotations

import torch
from log_examples import ENDS, by_a_loop, follows, log, tables
from toys import stacked, toy

from gengap.methods.ravl import MEMBERS, RAVL, least

# In the first state the second action leads on; in the second state the first one ends, with 1.
LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]


def test_two_states_by_hand() -> None:
    """Members promise 3 and 5, 4 and 2 of the second state's actions: the best least value is 3."""
    low, high = [[0, 1.0], [3, 5]], [[0, 2.0], [4, 2]]
    rows = dict.fromkeys(MEMBERS[1:], high)
    network = tables(policy=low, **rows)
    said = least(network, torch.eye(2)[None])
    torch.testing.assert_close(said.logits[0], torch.tensor([[0, 1.0], [3, 2]]))
    method = stacked([RAVL(target_rate=0.1)])
    batch = log(LOG)
    state = method.initial_state(batch.context, network.parameters)
    found = method.gradients(network, batch, state)
    aim = 0.5 * 3, 1.0
    for name, values in (("", low), ("q2/", high), ("q8/", high)):
        wanted = torch.tensor([[0, values[0][1] - aim[0]], [values[1][0] - aim[1], 0]])
        torch.testing.assert_close(found[f"{name}weight0"][0], wanted / 2)
    follows(method, network, batch, state)


def test_gradient_by_a_loop() -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        action, on = after.action[run].flatten(), after.next_x[run].flatten(0, 1)
        later = torch.stack([behind(name, on) for name in MEMBERS]).amin(0).amax(1)
        aim = (after.reward[run].flatten() + after.goes_on[run].flatten() * later).detach()
        x, every = batch.x[run].flatten(0, 1), torch.arange(len(action))
        return sum((net(name, x)[every, action] - aim).square().mean() / 2 for name in MEMBERS)

    by_a_loop(toy([RAVL()] * 2), loss)


def test_networks_that_cannot_run_side_by_side_are_asked_one_by_one(monkeypatch) -> None:
    made = toy([RAVL()] * 2)
    batch = made.batches[0]
    wanted = made.method.gradients(made.network, batch, made.state)
    said = least(made.network, batch.x)
    monkeypatch.setattr(type(made.network.architecture), "vectorises", False)
    torch.testing.assert_close(least(made.network, batch.x).logits, said.logits)
    found = made.method.gradients(made.network, batch, made.state)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
