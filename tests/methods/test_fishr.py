from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import (
    TASKS,
    Size,
    assert_run_close,
    environment_risks,
    erm_gradients,
    example_losses,
    gradient,
    hidden,
    single,
    toy,
)

from gengap.methods.fishr import Fishr, gradient_variance

SETTINGS = ((3.0, 0.0), (40.0, 0.5), (200.0, 0.9))


def test_variance_by_hand() -> None:
    # Features 1 and 3, residuals 2 and -2: weight gradients 2 and -6, bias gradients 2 and -2.
    variance = gradient_variance(
        torch.tensor([1.0, 3.0]).view(1, 1, 2, 1), torch.tensor([2.0, -2.0]).view(1, 1, 2, 1)
    )
    torch.testing.assert_close(variance, torch.tensor([[[16.0, 4.0]]]))


def variance_by_examples(network: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    """Variance of autograd's gradients of the last layer, one example after the other."""
    features, layer = hidden(network, x), network[-1]
    found = []
    for k in range(len(x)):
        loss = example_losses(layer(features[k : k + 1]), y[k : k + 1]).sum()
        weight, bias = torch.autograd.grad(loss, [layer.weight, layer.bias], create_graph=True)
        found.append(torch.cat((weight.T.flatten(), bias)))
    stacked = torch.stack(found)
    return (stacked - stacked.mean(0)).square().mean(0)


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_loops_over_examples(task: str) -> None:
    size = Size(environments=5, slots=3, steps=4)
    methods = [Fishr(penalty=p, decay=d, anneal=0) for p, d in SETTINGS]
    problem = toy(methods, task, size=size)
    seen: list[dict[int, list[Tensor]]] = [{} for _ in SETTINGS]
    for batch in problem.batches:
        found = problem.method.gradients(problem.network, batch, problem.state)
        for run, (weight, decay) in enumerate(SETTINGS):
            network, smooth = single(problem, run), []
            slots = batch.environment[run].tolist()
            for slot, x, y in zip(slots, batch.x[run], batch.y[run], strict=True):
                newest = variance_by_examples(network, x, y)
                past = seen[run].setdefault(slot, [])
                past.append(newest.detach())
                weights = [decay**age for age in reversed(range(len(past)))]
                mean = sum(w * v for w, v in zip(weights, past, strict=True)) / sum(weights)
                smooth.append(mean + newest - newest.detach())
            average = sum(smooth) / 3
            penalty = sum((v - average).square().mean() for v in smooth) / 3
            risk = torch.stack(environment_risks(network, batch, run)).mean()
            assert_run_close(found, gradient(network, risk + weight * penalty), run, 1e-4)


@pytest.mark.parametrize("setting", [{"penalty": 0.0, "anneal": 0.0}, {"anneal": 0.9}])
def test_without_penalty_it_is_plain_training(setting: dict[str, float]) -> None:
    problem = toy([Fishr(**setting)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, problem.state)
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)


def test_environments_never_shown_weigh_nothing() -> None:
    methods = [Fishr(anneal=0)]
    size = Size(environments=5, slots=3)
    with_absent = toy(methods, size=replace(size, absent=3)).train()
    for name, value in toy(methods, size=size).train().items():
        torch.testing.assert_close(with_absent[name], value)
