from __future__ import annotations

import math

import pytest
import torch
from toys import TASKS, example_losses, hidden, single, toy

from gengap.methods.drm import DRM
from gengap.methods.heads import each_head, mixed, shares


@pytest.mark.parametrize("task", TASKS)
def test_each_environment_trains_its_own_head(task: str) -> None:
    problem = toy([DRM()] * 2, task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, problem.state)
    for run in range(2):
        network, losses = single(problem, run), []
        heads = {
            n: problem.network.parameters[n][run].detach().clone().requires_grad_()
            for n in ("heads.weight", "heads.bias")
        }
        for x, y, environment in zip(
            batch.x[run], batch.y[run], batch.environment[run], strict=True
        ):
            logits = (
                hidden(network, x) @ heads["heads.weight"][environment]
                + heads["heads.bias"][environment]
            )
            losses.append(example_losses(logits, y).mean())
        loss = torch.stack(losses).mean()
        for name, value in heads.items():
            slope = torch.autograd.grad(loss, value, retain_graph=True)[0]
            torch.testing.assert_close(found[name][run], slope)
        first = torch.autograd.grad(loss, network[0].weight)[0].T
        torch.testing.assert_close(found["weight0"][run], first, rtol=1e-4, atol=1e-6)
    assert not found["weight1"].any()  # the network's own last layer is not used


def test_probabilities_are_averaged_by_hand() -> None:
    # One head gives odds 1:1, the other 3:1, a third was never trained: 0.5 (1/2 + 3/4) = 5/8.
    logits = torch.tensor([[[[0.0, 0.0], [math.log(3.0), 0.0], [9.0, 0.0]]]])
    share = shares(torch.tensor([[1.0, 1.0, 0.0]]))
    found = mixed(logits, share).exp()
    torch.testing.assert_close(found, torch.tensor([[[0.625, 0.375]]]))


def test_values_are_averaged_by_hand() -> None:
    found = mixed(torch.tensor([[[[1.0], [4.0]]]]), torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(found, torch.tensor([[[3.25]]]))


def test_predictions_leave_out_environments_that_were_never_seen() -> None:
    problem = toy([DRM()] * 2)
    problem.train(1)
    shown = problem.predicting()
    seen = problem.batches[0].environment
    expected = torch.zeros(2, 3).scatter(1, seen, 1 / 3)
    torch.testing.assert_close(shown["heads.share"], expected)
    x = problem.batches[0].x
    at = problem.network.at(shown)
    features = problem.network(x).features
    said = torch.softmax(each_head(shown, features), -1).mean(-2)
    torch.testing.assert_close(problem.method.output(at, x).logits.exp(), said)
