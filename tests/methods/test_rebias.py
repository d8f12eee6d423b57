from __future__ import annotations

import numpy as np
import torch
from toys import TASKS, example_losses, gradient, single, toy

from gengap.methods.rebias import (
    ReBias,
    centred,
    dependence,
    dependence_with_slopes,
    gaussian,
)


def test_two_points_by_hand() -> None:
    # Squared distances 0 and a² have mean a²/2: off the diagonal k = exp(-1); centred ±(1 - k)/2.
    found = centred(gaussian(torch.tensor([[[0.0], [7.0]]]))[1])[0]
    half = (1 - np.exp(-1)) / 2
    np.testing.assert_allclose(found, [[half, -half], [-half, half]], rtol=1e-5)
    # Any two pairs of points depend on each other fully.
    both = dependence(torch.tensor([[[0.0], [7.0]]]), torch.tensor([[[5.0], [1.0]]]))
    np.testing.assert_allclose(both, [1.0], rtol=1e-5)


def test_by_matrices() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(9, 2)), draw.normal(size=(9, 3))

    def kernel(points):
        away = ((points[:, None] - points[None]) ** 2).sum(-1)
        return np.exp(-away / (2 * away.mean()))

    centre = np.eye(9) - 1 / 9
    K, L = kernel(first), kernel(second)
    trace = [np.trace(a @ centre @ b @ centre) for a, b in ((K, L), (K, K), (L, L))]
    found = dependence(torch.tensor(first)[None], torch.tensor(second)[None])
    np.testing.assert_allclose(found, [trace[0] / np.sqrt(trace[1] * trace[2])])


def test_independent_points_depend_less_than_the_same_points() -> None:
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(1, 200, 2, generator=draw)
    other = torch.randn(1, 200, 2, generator=draw)
    np.testing.assert_allclose(dependence(points, 3 * points), [1.0], rtol=1e-4)
    assert dependence(points, other) < 0.2


def test_the_network_descends_what_the_line_climbs() -> None:
    for task in TASKS:
        problem = toy([ReBias(penalty=2.0)], task)
        batch, own = problem.batches[0], problem.network.parameters
        found = problem.method.gradients(problem.network, batch, {})
        network = single(problem, 0)
        line = own["line.weight"][0].detach().clone().requires_grad_()
        x, y = batch.x[0].flatten(0, 1), batch.y[0].flatten()
        told, simple = network(x), x @ line + own["line.bias"][0].detach()
        shared = 2 * dependence(told[None], simple[None])[0]
        for name, value in gradient(network, example_losses(told, y).mean() + shared).items():
            torch.testing.assert_close(found[name][0], value, rtol=1e-3, atol=1e-5)
        loss = example_losses(simple, y).mean() - shared
        slope = torch.autograd.grad(loss, line)[0]
        torch.testing.assert_close(found["line.weight"][0], slope, rtol=1e-3, atol=1e-5)


def test_gradients_past_autograd_are_those_of_the_loss() -> None:
    problem = toy([ReBias(penalty=2.0), ReBias(penalty=0.5)])
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, problem.state)
    loss = problem.method.loss(problem.network, batch, problem.state).sum()
    own = problem.network.parameters
    for name, wanted in zip(own, torch.autograd.grad(loss, list(own.values())), strict=True):
        torch.testing.assert_close(found[name], wanted, rtol=1e-4, atol=1e-6)


def test_slopes_of_the_dependence_as_finite_differences_find_them() -> None:
    draw = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 6, 3, generator=draw).double() for _ in range(2))
    value, one, other = dependence_with_slopes(first, second)
    assert torch.equal(value, dependence(first, second))
    step = torch.randn(2, 6, 3, generator=draw).double()
    widths = [gaussian(points)[2] for points in (first, second)]

    def held(moved: torch.Tensor, still: torch.Tensor, of: int) -> torch.Tensor:
        """With the widths that the points had before they moved."""
        pair = [moved, still] if of == 0 else [still, moved]
        kernels = [
            centred(torch.exp(-torch.cdist(p, p).square() / (2 * w)))
            for p, w in zip(pair, widths, strict=True)
        ]
        lengths = [k.square().sum((1, 2)).sqrt() for k in kernels]
        return (kernels[0] * kernels[1]).sum((1, 2)) / (lengths[0] * lengths[1])

    for of, (points, still, slopes) in enumerate(((first, second, one), (second, first, other))):
        rise = held(points + 1e-5 * step, still, of) - held(points - 1e-5 * step, still, of)
        torch.testing.assert_close((slopes * step).sum((1, 2)), rise / 2e-5, rtol=1e-5, atol=1e-8)
