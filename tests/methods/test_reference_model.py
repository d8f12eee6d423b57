from __future__ import annotations

import math

import torch
from toys import Size, erm_gradients, example_losses, single, toy

from gengap.methods.reference_model import ReferenceModel, excess


def test_two_examples_by_hand() -> None:
    # Excesses 0 and log 3, τ = 1: log of (1 + 3) / 2. With τ = 2: 2 log((1 + sqrt 3) / 2).
    losses, reference = torch.tensor([[1.0, 2.0]] * 2), torch.tensor([[1.0, 2 - math.log(3)]] * 2)
    found = excess(losses, reference, torch.tensor([1.0, 2.0]))
    wanted = [math.log(2), 2 * math.log((1 + math.sqrt(3)) / 2)]
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_examples_weigh_by_the_softmax_of_their_excess() -> None:
    losses = torch.tensor([[0.5, 2.0, 1.0]], requires_grad=True)
    reference = torch.tensor([[0.1, 1.9, 0.0]])
    excess(losses, reference, 0.5).sum().backward()
    wanted = torch.softmax((losses.detach() - reference) / 0.5, 1)
    torch.testing.assert_close(losses.grad, wanted)


def test_the_reference_is_the_first_network() -> None:
    problem = toy([ReferenceModel(first=0.5, temperature=0.7)] * 2, size=Size(steps=6))
    start = {k: p.detach().clone() for k, p in problem.network.parameters.items()}
    found = problem.method.gradients(problem.network, problem.batches[0], problem.state)
    for name, value in erm_gradients(problem, problem.batches[0]).items():
        torch.testing.assert_close(found[name], value)
    problem.train(3)
    first = [single(problem, run) for run in range(2)]
    batch = problem.batches[3]
    everyone = torch.ones(2, dtype=torch.bool)
    problem.method.begin(0, everyone, problem.network, problem.optimizer, batch, problem.state)
    for name, value in problem.network.parameters.items():
        assert torch.equal(value, start[name])
    loss = problem.method.loss(problem.network, batch, problem.state)
    for run in range(2):
        x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
        now, then = (example_losses(net(x), y) for net in (single(problem, run), first[run]))
        wanted = 0.7 * ((now - then) / 0.7).exp().mean().log()
        torch.testing.assert_close(loss[run], wanted)
