from __future__ import annotations

import torch
import torch.nn.functional as F
from toys import assert_run_close, gradient, single, toy

from gengap.methods.registry import methods
from gengap.methods.robust_self_training import RobustSelfTrainingUnseen


def test_it_is_marked() -> None:
    assert methods()["robust-self-training-unseen"].sees_unseen


def test_gradient_by_single_networks() -> None:
    settings = [{"weight": 0.5, "price": 2.0}, {"weight": 0.0, "price": 0.3}]
    problem = toy([RobustSelfTrainingUnseen(**s) for s in settings])
    batch = problem.batches[0]
    assert batch.unlabelled is not None
    found = problem.method.gradients(problem.network, batch, {})
    for run, own in enumerate(settings):
        network = single(problem, run)

        def robust(x, y, network=network, price=own["price"]):
            x = x.clone().requires_grad_()
            uphill = torch.autograd.grad(F.cross_entropy(network(x), y, reduction="sum"), x)[0]
            z = (x + uphill / (2 * price)).detach()
            moved = (z - x.detach()).square().sum(1)
            return (F.cross_entropy(network(z), y, reduction="none") - price * moved).mean()

        u = batch.unlabelled[run]
        loss = robust(batch.x[run].flatten(0, 1), batch.y[run].flatten())
        loss = loss + own["weight"] * robust(u, network(u).argmax(1))
        assert_run_close(found, gradient(network, loss), run, 1e-4)


def test_a_high_price_leaves_inputs_where_they_are() -> None:
    problem = toy([RobustSelfTrainingUnseen(weight=0.0, price=1e6)] * 2)
    batch = problem.batches[0]
    loss = problem.method.loss(problem.network, batch, {})
    plain = batch.risks(problem.network(batch.x).logits).mean(1)
    torch.testing.assert_close(loss, plain, rtol=1e-4, atol=1e-5)
