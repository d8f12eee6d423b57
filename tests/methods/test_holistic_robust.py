from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from toys import TASKS, example_losses, gradient, single, toy

from gengap.methods.holistic_robust import HolisticRobust, poisoned_weights, worst_weights


def test_poison_by_hand() -> None:
    # A quarter of four examples: the smallest loss gives all its weight to the largest.
    found = poisoned_weights(torch.tensor([[3.0, 1.0, 7.0, 2.0]]), torch.tensor([0.25]))
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.0, 0.5, 0.25]]))
    # Three eighths: one and a half examples give theirs.
    found = poisoned_weights(torch.tensor([[3.0, 1.0, 7.0, 2.0]]), 0.375)
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.0, 0.625, 0.125]]))


def test_two_losses_in_closed_form() -> None:
    # Equal weights within KL(p̂ | d) <= r: 1/2 log(1 / (4 d (1 - d))) = r.
    divergence = 0.2
    found = worst_weights(torch.tensor([[0.0, 5.0]]), 0.0, divergence)[0]
    wanted = (1 + np.sqrt(1 - np.exp(-2 * divergence))) / 2
    np.testing.assert_allclose(found, [1 - wanted, wanted], rtol=1e-5)


def test_weights_are_the_worst_by_a_general_optimiser() -> None:
    losses = np.random.default_rng(0).exponential(size=6)
    p = poisoned_weights(torch.tensor(losses)[None], 0.1)[0].numpy()
    kept = p > 0
    divergence = {"type": "ineq", "fun": lambda d: 0.3 - (p[kept] * np.log(p[kept] / d)).sum()}
    total = {"type": "eq", "fun": lambda d: d.sum() - 1}
    best = minimize(
        lambda d: -(d * losses[kept]).sum(), p[kept], constraints=[divergence, total],
        bounds=[(1e-9, 1)] * int(kept.sum()), tol=1e-12,
    )  # fmt: skip
    found = worst_weights(torch.tensor(losses)[None], 0.1, 0.3)[0].numpy()
    np.testing.assert_allclose(found[kept], best.x, atol=1e-4)
    np.testing.assert_allclose(found @ losses, -best.fun, rtol=1e-6)


def test_equal_losses_and_no_divergence_weigh_equally() -> None:
    for losses in (torch.ones(1, 5), torch.arange(5.0)[None]):
        divergence = 0.3 if losses[0, 1] == 1 and losses[0, 4] == 1 else 0.0
        found = worst_weights(losses, 0.0, divergence)
        torch.testing.assert_close(found, torch.full((1, 5), 0.2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_single_networks(task: str) -> None:
    own = {"radius": 0.5, "poisoned": 0.1, "divergence": 0.2}
    problem = toy([HolisticRobust(**own)] * 2, task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run in range(2):
        network = single(problem, run)
        y, x = batch.y[run].flatten(), batch.x[run].flatten(0, 1).clone().requires_grad_()
        uphill = torch.autograd.grad(example_losses(network(x), y).sum(), x)[0]
        moved = (x + 0.5 * torch.nn.functional.normalize(uphill, dim=1)).detach()
        losses = example_losses(network(moved), y)
        weight = worst_weights(losses.detach()[None], 0.1, 0.2)[0]
        for name, value in gradient(network, (weight * losses).sum()).items():
            torch.testing.assert_close(found[name][run], value, rtol=1e-3, atol=1e-5)
