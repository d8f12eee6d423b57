from __future__ import annotations

import pytest
import torch
from toys import TASKS, example_losses, gradient, hidden, single, toy

from gengap.methods.sam import SAM
from gengap.methods.udim import UDIM, moved_uphill


def test_inputs_move_their_radius_uphill_by_hand() -> None:
    x, slopes = torch.zeros(1, 1, 2, 2), torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]]])
    found = moved_uphill(x, slopes, torch.tensor([10.0]))
    torch.testing.assert_close(found, torch.tensor([[[[6.0, 8.0], [0.0, 0.0]]]]))


def test_without_its_terms_it_is_sam() -> None:
    own = {"rho": 0.1, "inconsistency": 0.0, "curvature": 0.0}
    problem, other = toy([UDIM(**own)] * 2), toy([SAM(rho=0.1)] * 2)
    found = problem.method.gradients(problem.network, problem.batches[0], {})
    wanted = other.method.gradients(other.network, other.batches[0], {})
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def last_layer_variances(network, x, y):
    """Variance over each environment's examples of each one's own gradient for the last layer."""
    h, logits = hidden(network, x), network(x)
    slopes = torch.autograd.grad(example_losses(logits, y).sum(), logits, create_graph=True)[0]
    each = torch.einsum("nd,nc->ndc", torch.nn.functional.pad(h, (0, 1), value=1.0), slopes)
    return each.unflatten(0, (3, -1)).var(1, correction=0).flatten(1)


@pytest.mark.parametrize("task", TASKS)
def test_by_single_networks(task: str) -> None:
    rho, radius, share, curvature = 0.2, 0.7, 0.4, 0.5
    problem = toy(
        [UDIM(rho=rho, radius=radius, inconsistency=share, curvature=curvature)] * 2, task
    )
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run in range(2):
        network = single(problem, run)
        x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
        slopes = torch.autograd.grad(example_losses(network(x), y).mean(), network.parameters())
        length = torch.stack([s.square().sum() for s in slopes]).sum().sqrt()
        with torch.no_grad():
            for p, s in zip(network.parameters(), slopes, strict=True):
                p += rho * s / length
        moved = x.clone().requires_grad_()
        uphill = torch.autograd.grad(example_losses(network(moved), y).sum(), moved)[0]
        moved = x + radius * torch.nn.functional.normalize(uphill, dim=1)
        loss = (1 - share) * example_losses(network(x), y).mean()
        loss = loss + share * example_losses(network(moved), y).mean()
        bent = [last_layer_variances(network, at, y) for at in (x, moved)]
        loss = loss + curvature * (bent[0] - bent[1]).square().sum(1).mean()
        for name, value in gradient(network, loss).items():
            torch.testing.assert_close(found[name][run], value, rtol=1e-3, atol=1e-5)
