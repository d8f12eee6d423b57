from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from toys import (
    TASKS,
    Size,
    Toy,
    assert_run_close,
    environment_risks,
    erm_gradients,
    gradient,
    hidden,
    single,
    toy,
)

from gengap.methods.dann import DANN, WIDTH, smooth_labels

SETTINGS = ((0.5, 0.0), (1.0, 0.1), (4.0, 0.4))
SIZE = Size(environments=5, slots=3, steps=4)


def discriminator(problem: Toy, run: int) -> nn.Sequential:
    parameters = {
        name.removeprefix("discriminator."): p[run].detach()
        for name, p in problem.network.parameters.items()
        if name.startswith("discriminator.")
    }
    layers = []
    for k in (0, 1):
        layer = nn.Linear(*parameters[f"weight{k}"].shape)
        layer.weight.data.copy_(parameters[f"weight{k}"].T)
        layer.bias.data.copy_(parameters[f"bias{k}"][0])
        layers.append(layer)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


def test_labels_by_hand() -> None:
    labels = smooth_labels(torch.tensor([[2, 0]]), 3, torch.tensor([0.2]))
    torch.testing.assert_close(labels, torch.tensor([[[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]]))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("step", [0, 1, 3])
def test_both_sides_of_the_game(task: str, step: int) -> None:
    problem = toy([DANN(balance=b, smoothing=s) for b, s in SETTINGS], task, size=SIZE)
    batch = problem.batches[step]
    found = problem.method.gradients(problem.network, batch, {})
    for run, (balance, smoothing) in enumerate(SETTINGS):
        network, judge = single(problem, run), discriminator(problem, run)
        strength = balance * (2 / (1 + math.exp(-10 * step / SIZE.steps)) - 1)
        told: list[Tensor] = []
        for slot, x in enumerate(batch.x[run]):
            wanted = torch.full((x.shape[0], 5), smoothing / 4)
            wanted[:, batch.environment[run, slot]] = 1 - smoothing
            told.append(nn.CrossEntropyLoss()(judge(hidden(network, x)), wanted))
        entropy = torch.stack(told).mean()
        risk = torch.stack(environment_risks(network, batch, run)).mean()
        plain = gradient(network, risk)
        layer = network[0]  # the features do not depend on the last layer
        fooling = torch.autograd.grad(entropy, [layer.weight, layer.bias], retain_graph=True)
        plain["weight0"] = plain["weight0"] - strength * fooling[0].T
        plain["bias0"] = plain["bias0"] - strength * fooling[1][None]
        assert_run_close(found, plain, run)
        judged = {f"discriminator.{k}": g for k, g in gradient(judge, entropy).items()}
        assert_run_close(found, judged, run)


def test_without_balance_the_network_is_trained_plainly() -> None:
    problem = toy([DANN(balance=0)] * 3, size=SIZE)
    batch = problem.batches[3]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        if not name.startswith("discriminator."):
            torch.testing.assert_close(found[name], value)


def test_discriminator_covers_all_environments_and_differs_between_runs() -> None:
    parameters = toy([DANN()] * 2, size=SIZE).network.parameters
    assert parameters["discriminator.weight1"].shape == (2, WIDTH, 5)
    first, second = parameters["discriminator.weight0"]
    assert not torch.equal(first, second)
    assert float(first.detach().abs().max()) <= 1 / math.sqrt(8)
