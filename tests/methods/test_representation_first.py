"""Features first, then cloning: the losses by hand, and who is in which phase."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from log_examples import ENDS, log
from toys import TASKS, gradient, single, stacked, toy

from gengap.methods.forward_dynamics import ForwardDynamics
from gengap.methods.inverse_dynamics import InverseDynamics, done_between
from gengap.models.networks import MLP, Network


def known() -> Network:
    """Features are the two states' one-hots, which no layer changes; heads have one hidden unit.

    The inverse's unit is 1 where the second state follows, and then says 2 of the second action;
    the forward one's is 1 after the second action, and then foresees ``(0, 3)``.
    """
    p = {
        "weight0": torch.eye(2), "bias0": torch.zeros(1, 2),
        "weight1": torch.tensor([[1.0, 0], [0, 0]]), "bias1": torch.zeros(1, 2),
        "inverse/weight0": torch.tensor([[0.0], [0], [0], [1]]), "inverse/bias0": torch.zeros(1, 1),
        "inverse/weight1": torch.tensor([[0.0, 2]]), "inverse/bias1": torch.zeros(1, 2),
        "forward/weight0": torch.tensor([[0.0], [0], [0], [1]]), "forward/bias0": torch.zeros(1, 1),
        "forward/weight1": torch.tensor([[0.0, 3]]), "forward/bias1": torch.zeros(1, 2),
    }  # fmt: skip
    return Network(MLP((2,)), {name: value[None] for name, value in p.items()}, (2,))


ROWS = [(0, 1, 0.0, 1), (1, 0, 0.0, 0), (0, 1, 1.0, ENDS)]


def test_each_phase_by_hand() -> None:
    """What ended is left out of the first; the second is cloning of all three."""
    batch = log(ROWS)
    batch = replace(batch, context=replace(batch.context, steps=10))
    right = torch.tensor([0.0, 2.0]).log_softmax(0)[1]
    inverse, forward = (stacked([kind(share=0.5)]) for kind in (InverseDynamics, ForwardDynamics))
    told = (-right + torch.tensor(2.0).log()) / 2
    torch.testing.assert_close(inverse.loss(known(), batch, {})[0], told)
    # Foreseen (0, 3) where (0, 1) comes, and (0, 0) where (1, 0) does.
    torch.testing.assert_close(
        forward.loss(known(), batch, {})[0], torch.tensor((4 / 2 + 1 / 2) / 2)
    )
    cloning = replace(batch, step=5)
    first, second = torch.tensor([1.0, 0.0]).log_softmax(0)[1], torch.tensor(0.5).log()
    for method in (inverse, forward):
        found = method.loss(known(), cloning, {})
        torch.testing.assert_close(found[0], -(2 * first + second) / 3)


@pytest.mark.parametrize("task", TASKS)
def test_what_was_done_is_told_by_two_views_of_plain_layers(task: str) -> None:
    built = toy([InverseDynamics()], task)
    batch = built.batches[0]
    x, after = batch.x, batch.transitions()
    network = single(built, 0)
    features = [network[:-1](view[0]) for view in (x, after.next_x)]
    own = {k: v[0] for k, v in built.network.parameters.items() if k.startswith("inverse/")}
    hidden = torch.relu(torch.cat(features, -1) @ own["inverse/weight0"] + own["inverse/bias0"])
    wanted = hidden @ own["inverse/weight1"] + own["inverse/bias1"]
    said = done_between(built.network, x, after.next_x)
    torch.testing.assert_close(said[0], wanted)
    going = ~after.end[0]
    if task == "classification":
        loss = F.cross_entropy(wanted[going], after.action[0][going])
    else:
        loss = (wanted - after.action[0]).square()[going].mean()
    loss = loss + 0 * network(x[0]).sum()  # the last layer has no part in it
    found = built.method.gradients(built.network, batch, {})
    for name, value in gradient(network, loss).items():
        torch.testing.assert_close(found[name][0], value, rtol=1e-4, atol=1e-6)


def test_runs_of_a_fleet_change_phase_each_in_its_own_time() -> None:
    """The study's last layer waits for the second phase, which the third run never enters."""
    built = toy([InverseDynamics(share=share, weight_decay=0) for share in (0.3, 0.7, 1.0)])
    last = built.network.parameters["bias1"].detach().clone()
    moved = []
    for step in range(6):
        _step(built, step)
        moved.append((built.network.parameters["bias1"] != last).flatten(1).any(1).tolist())
    assert moved[1] == [False, False, False]
    assert moved[2] == [True, False, False]
    assert moved[5] == [True, True, False]


def _step(built, step: int) -> None:  # type: ignore[no-untyped-def]
    built.method.update(built.network, built.optimizer, built.batches[step], built.state)
