from __future__ import annotations

import copy
import math

import numpy as np
import torch
from toys import erm_gradients, toy

from gengap.methods.distribution_matching import (
    DistributionMatching,
    discrepancy,
    discrepancy_with_slopes,
)


def test_two_points_by_hand() -> None:
    # Their mean squared distance, the two with themselves among the pairs, is half of theirs: with
    # distance² a and scale a/2, kernels are exp(-1 / c) and MMD² is 2 - 2 of their mean.
    points = torch.tensor([[[0.0], [3.0]]])
    kernel = np.mean([math.exp(-1 / c) for c in (0.25, 0.5, 1, 2, 4)])
    found = discrepancy(points, torch.tensor([[True, False]]))
    np.testing.assert_allclose(found, [2 - 2 * kernel], rtol=1e-5)


def test_the_same_points_in_both_do_not_differ() -> None:
    points = torch.tensor([[[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [0.0, 5.0]]])
    found = discrepancy(points, torch.tensor([[True, True, False, False]]))
    np.testing.assert_allclose(found, [0.0], atol=1e-6)


def test_an_empty_mixture_costs_nothing() -> None:
    points = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = discrepancy(points, torch.tensor([[True] * 5, [False] * 5]))
    assert found.tolist() == [0.0, 0.0]
    assert not torch.autograd.grad(found.sum(), points)[0].any()


def test_by_loops_over_pairs() -> None:
    draw = np.random.default_rng(0)
    points, first = draw.normal(size=(7, 3)), np.array([1, 1, 0, 1, 0, 0, 0], bool)
    away = ((points[:, None] - points[None]) ** 2).sum(-1)
    kernel = np.mean([np.exp(-away / (2 * c * away.mean())) for c in (0.25, 0.5, 1, 2, 4)], 0)
    wanted = (
        kernel[first][:, first].mean()
        + kernel[~first][:, ~first].mean()
        - 2 * kernel[first][:, ~first].mean()
    )
    found = discrepancy(torch.tensor(points)[None], torch.tensor(first)[None])
    np.testing.assert_allclose(found, [wanted])


def test_each_environment_is_cut_by_its_own_draw() -> None:
    problem = toy([DistributionMatching(penalty=2.0)])
    batch = problem.batches[0]
    cuts = copy.deepcopy(batch.generators[0]).integers(6, size=3)
    features, logits = problem.network(batch.x)
    first = torch.tensor([[place < cut for cut in cuts for place in range(6)]])
    expected = batch.risks(logits).mean(1) + 2 * discrepancy(features.flatten(1, 2), first)
    found = problem.method.loss(problem.network, batch, problem.state)
    torch.testing.assert_close(found, expected)


def test_without_penalty_it_is_plain_training() -> None:
    problem = toy([DistributionMatching(penalty=0.0)] * 2)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)


def test_slopes_are_those_of_autograd_over_more_than_a_block() -> None:
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(2, 150, 3, generator=draw).double().requires_grad_()
    first = torch.rand(2, 150, generator=draw) < 0.4
    value, slopes = discrepancy_with_slopes(points, first)
    centred = points - points.mean(1, keepdim=True)
    away = (centred[:, :, None] - centred[:, None]).square().sum(-1)
    scale = away.detach().mean((1, 2))[:, None, None]
    kernel = sum(torch.exp(-away / (2 * c * scale)) for c in (0.25, 0.5, 1, 2, 4)) / 5
    weight = torch.where(
        first, 1 / first.sum(1, keepdim=True), -1 / (~first).sum(1, keepdim=True)
    ).double()
    wanted = torch.einsum("ri,rij,rj->r", weight, kernel, weight)
    torch.testing.assert_close(value, wanted.detach())
    torch.testing.assert_close(slopes, torch.autograd.grad(wanted.sum(), points)[0])


def test_gradients_past_autograd_are_those_of_the_loss() -> None:
    found, other = (toy([DistributionMatching(penalty=2.0)]) for _ in range(2))
    slopes = found.method.gradients(found.network, found.batches[0], found.state)
    loss = other.method.loss(other.network, other.batches[0], other.state).sum()
    own = other.network.parameters
    for name, wanted in zip(own, torch.autograd.grad(loss, list(own.values())), strict=True):
        torch.testing.assert_close(slopes[name], wanted, rtol=1e-4, atol=1e-6)
