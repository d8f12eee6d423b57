"""Twins of coral and dann that align the unseen environment's inputs."""

from __future__ import annotations

import math

import pytest
import torch
from toys import TASKS, assert_run_close, environment_risks, gradient, hidden, single, toy

from gengap.methods.coral import CORALUnseen
from gengap.methods.dann import DANNUnseen, discriminate
from gengap.methods.registry import methods


@pytest.mark.parametrize("name", ["coral-unseen", "dann-unseen"])
def test_they_are_marked(name: str) -> None:
    assert methods()[name].sees_unseen
    assert not methods()[name.removesuffix("-unseen")].sees_unseen


@pytest.mark.parametrize("task", TASKS)
def test_coral_by_single_networks(task: str) -> None:
    problem = toy([CORALUnseen(penalty=p) for p in (0.5, 3.0)], task)
    batch = problem.batches[0]
    assert batch.unlabelled is not None
    found = problem.method.gradients(problem.network, batch, {})
    for run, weight in enumerate((0.5, 3.0)):
        network = single(problem, run)
        here = hidden(network, batch.x[run].flatten(0, 1))
        there = hidden(network, batch.unlabelled[run])
        apart = (here.mean(0) - there.mean(0)).square().mean()
        apart = apart + (here.T.cov() - there.T.cov()).square().mean()
        loss = torch.stack(environment_risks(network, batch, run)).mean() + weight * apart
        assert_run_close(found, gradient(network, loss), run)


def test_dann_by_single_networks() -> None:
    problem = toy([DANNUnseen(balance=2.0, smoothing=0.1)])
    batch = problem.batches[3]
    assert batch.unlabelled is not None
    found = problem.method.gradients(problem.network, batch, {})
    network, own = single(problem, 0), problem.network.parameters
    here = hidden(network, batch.x[0].flatten(0, 1))
    there = hidden(network, batch.unlabelled[0])
    told = [torch.log_softmax(discriminate(own, h[None, None])[0, 0], -1) for h in (here, there)]
    kept = -(0.9 * told[0][:, 0] + 0.1 * told[0][:, 1]).mean()
    kept = (kept - (0.1 * told[1][:, 0] + 0.9 * told[1][:, 1]).mean()) / 2
    strength = 2 * math.tanh(5 * batch.step / batch.context.steps)
    loss = torch.stack(environment_risks(network, batch, 0)).mean() - strength * kept
    assert_run_close(found, gradient(network, loss), 0)
    name = "discriminator.weight1"
    slope = torch.autograd.grad(kept, own[name])[0]
    torch.testing.assert_close(found[name], slope, rtol=1e-4, atol=1e-6)
