from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from toys import (
    TASKS,
    assert_run_close,
    environment_risks,
    erm_gradients,
    gradient,
    hidden,
    single,
    toy,
)

from gengap.methods.mmd import MMD, discrepancy

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


def test_two_points_by_hand() -> None:
    # One point each, d apart: the mean of the four squared distances is d²/2, so the kernel of
    # width c is exp(-1/c) across and 1 within.
    features = torch.tensor([0.0, 3.0]).view(1, 2, 1, 1)
    expected = 2 - 2 * sum(math.exp(-1 / c) for c in WIDTHS) / 5
    assert float(discrepancy(features)) == pytest.approx(expected, rel=1e-5)


def discrepancy_by_loops(features: list[torch.Tensor]) -> torch.Tensor:
    everything = torch.cat(features).detach()
    scale = torch.cdist(everything, everything).square().mean()

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        distance = (a[:, None] - b[None]).square().sum(-1)
        return sum(torch.exp(-distance / (2 * c * scale)).mean() for c in WIDTHS) / len(WIDTHS)

    pairs = [kernel(a, a) + kernel(b, b) - 2 * kernel(a, b) for a, b in combinations(features, 2)]
    return torch.stack(pairs).mean()


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_loops_over_pairs(task: str) -> None:
    penalties = (0.3, 1.0, 9.0)
    problem = toy([MMD(penalty=p) for p in penalties], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, weight in enumerate(penalties):
        network = single(problem, run)
        apart = discrepancy_by_loops([hidden(network, x) for x in batch.x[run]])
        risk = torch.stack(environment_risks(network, batch, run)).mean()
        assert_run_close(found, gradient(network, risk + weight * apart), run, 5e-5)


def test_far_from_the_origin_nothing_cancels() -> None:
    features = torch.randn(1, 2, 8, 3, generator=torch.Generator().manual_seed(0))
    near, far = discrepancy(features), discrepancy(features + 1000)
    torch.testing.assert_close(near, far, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constant_features_differ_by_nothing(value: float) -> None:
    features = torch.full((1, 3, 4, 2), value, requires_grad=True)
    loss = discrepancy(features)
    assert float(loss.detach()) == pytest.approx(0)
    loss.sum().backward()
    assert bool(torch.isfinite(features.grad).all())


def test_without_penalty_it_is_plain_training() -> None:
    problem = toy([MMD(penalty=0)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)
