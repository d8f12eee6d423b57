from __future__ import annotations

import torch
import torch.nn.functional as F
from log_examples import by_a_loop
from practised import scores
from toys import Size, toy

import gengap as gg
from gengap.methods.policies import DEVIATION
from gengap.methods.ppo_from_bc import PPOFromBC


def test_gradient_on_the_log_by_a_loop() -> None:
    def loss(net, behind, batch, run):
        after, x = batch.transitions(), batch.x[run].flatten(0, 1)
        cloned = F.cross_entropy(net("", x), after.action[run].flatten())
        return cloned + F.mse_loss(net("value", x)[:, 0], after.returns[run].flatten()) / 2

    by_a_loop(toy([PPOFromBC()] * 2), loss)


def test_vectors_are_cloned_and_their_deviation_waits() -> None:
    built = toy([PPOFromBC()] * 2, "regression", size=Size(steps=40))
    batch = built.batches[0]
    found = built.method.gradients(built.network, batch, built.state)
    x, action = batch.x.flatten(1, 2), batch.transitions().action.flatten(1, 2)
    own = {k: v for k, v in built.network.parameters.items() if "/" not in k}
    risk = (built.network.at(own)(x).logits - action).square().mean((1, 2)).sum()
    for (name, _), wanted in zip(
        own.items(), torch.autograd.grad(risk, list(own.values())), strict=True
    ):
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-6)
    before = built.network.parameters[DEVIATION].detach().clone()
    built.train(20)
    assert (
        (built.network.parameters[DEVIATION] / before)
        .detach()
        .allclose(torch.tensor(1.0), atol=1e-4)
    )


def test_rollouts_are_counted_from_the_onset() -> None:
    """Of 40 steps 20 are of the log; the others make a whole rollout and a rest of four."""
    built = toy([PPOFromBC()] * 2, size=Size(steps=40))
    taken = []
    for steps in range(1, 41):
        batch = built.batches[steps - 1]
        built.method.update(built.network, built.optimizer, batch, built.state)
        taken.append(len(built.optimizer.seen))
    assert taken[:20] == list(range(1, 21))
    assert taken[20:35] == [20] * 15
    assert taken[35:39] == [36] * 4
    assert taken[39] == 52


def test_acting_improves_on_the_clone() -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3, data="suboptimal")
    assert scores(levels, "bc", [0, 1], steps=200).mean() < 0.8
    assert scores(levels, "ppo-from-bc", [0, 1], steps=640).mean() > 0.9
