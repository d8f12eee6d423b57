from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import log_softmax
from trained_toys import Trained, circle, unit

from gengap.detectors.max_logit import MaximumLogit
from gengap.methods import hypo
from gengap.methods.sphere import embed
from gengap.testing import toy


def test_prototypes_move_by_hand() -> None:
    before = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])
    z = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]])
    moved = hypo.move(before, z, torch.tensor([[0, 0, 1]]), torch.tensor([0.5]))
    # Class 0: half (1, 0) and half the mean (1/2, 1/2). Class 2 was not in the batch.
    first = unit([0.75, 0.25], [1.0, 1.0])[0]
    np.testing.assert_allclose(moved[0, 0], first, rtol=1e-6)
    assert torch.equal(moved[0, 2], before[0, 2])
    halfway = hypo.move(before, z, torch.tensor([[0, 0, 1]]), torch.tensor([0.75]))
    np.testing.assert_allclose(halfway[0, 1], [0.0, 1.0], atol=1e-7)  # 3/4 up, 1/4 down


def test_first_prototype_is_the_direction_of_the_mean() -> None:
    z = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    moved = hypo.move(torch.zeros(1, 2, 2), z, torch.tensor([[1, 1]]), torch.tensor([0.95]))
    np.testing.assert_allclose(moved[0], [[0, 0], [math.sqrt(0.5)] * 2], rtol=1e-6)


def test_separation_of_two_classes_is_their_cosine() -> None:
    for cosine in (-1.0, 0.0, 0.3):
        other = [cosine, math.sqrt(1 - cosine**2)]
        found = hypo.separation(torch.tensor([[[1.0, 0.0], other]]), 0.1)
        np.testing.assert_allclose(found, [cosine / 0.1], atol=1e-5)


def test_separation_by_brute_force() -> None:
    points = unit(*np.random.default_rng(0).normal(size=(5, 3)).tolist())
    wanted = np.mean(
        [np.log(np.exp(np.delete(points, i, 0) @ points[i] / 0.2).mean()) for i in range(5)]
    )
    found = hypo.separation(torch.tensor(points)[None], torch.tensor([0.2]))
    np.testing.assert_allclose(found, [wanted], rtol=1e-6)


def test_separation_pulls_on_an_embedding_as_its_closed_form_says() -> None:
    before = torch.tensor(unit([1.0, 0.2, 0.0], [0.1, 1.0, 0.3]))[None]
    z = torch.tensor(unit([0.8, 0.1, 0.5]))[None].requires_grad_()
    moved = hypo.move(before, z, torch.tensor([[0]]), torch.tensor([0.9], dtype=torch.float64))
    hypo.separation(moved, 0.1).sum().backward()
    step = 0.9 * before[0, 0] + 0.1 * z[0, 0].detach()
    length, here, other = step.norm(), step / step.norm(), before[0, 1]
    # d(μ'ν / τ)/dz with μ = v/|v|, v = α μ_old + (1-α) z
    wanted = 0.1 / 0.1 * (other - here * (here @ other)) / length
    assert z.grad is not None
    torch.testing.assert_close(z.grad[0, 0], wanted)


def test_variation_by_brute_force() -> None:
    draw = np.random.default_rng(1)
    z, points = (unit(*draw.normal(size=(n, 3)).tolist()) for n in (6, 4))
    y = draw.integers(4, size=6)
    wanted = -log_softmax(z @ points.T / 0.3, axis=1)[np.arange(6), y].mean()
    args = (torch.tensor(z)[None], torch.tensor(y)[None], torch.tensor(points)[None])
    np.testing.assert_allclose(hypo.variation(*args, 0.3), [wanted])


def test_loss_is_variation_and_weighted_separation() -> None:
    found = []
    for weight in (0.0, 2.0):
        problem = toy([hypo.HYPO(separation=weight)])
        found.append(problem.method.loss(problem.network, problem.batches[0], problem.state))
    apart = hypo.separation(problem.state["prototypes"], 0.1)
    torch.testing.assert_close(found[1] - found[0], 2 * apart)


def test_only_the_separation_moves_the_network_through_the_prototypes() -> None:
    problem = toy([hypo.HYPO(separation=3.0)])
    batch, weight = problem.batches[0], problem.network.parameters["weight0"]
    found = problem.method.gradients(problem.network, batch, problem.state)["weight0"]
    z, y = embed(problem.network, batch.x), batch.y.flatten(1)
    moved = hypo.move(torch.zeros(1, 3, 64), z, y, torch.tensor([0.95]))
    loss = hypo.variation(z, y, moved.detach(), 0.1) + 3 * hypo.separation(moved, 0.1)
    torch.testing.assert_close(found, torch.autograd.grad(loss.sum(), weight)[0])
    torch.testing.assert_close(problem.state["prototypes"], moved.detach())


def test_logits_are_cosines_to_the_prototypes() -> None:
    X, y = circle()
    trained = Trained(hypo.HYPO(temperature=0.2), X, y, width=8, steps=20)
    outputs = trained.outputs(X, y)
    assert outputs.features is not None
    assert outputs.logits is not None
    np.testing.assert_allclose(outputs.features.norm(dim=1), 1, rtol=1e-5)
    prototypes = trained.network.parameters["prototypes"][0] * 0.2
    np.testing.assert_allclose(prototypes.norm(dim=1), 1, rtol=1e-5)
    cosines = outputs.features @ prototypes.T
    torch.testing.assert_close(outputs.logits, cosines / 0.2)
    score = MaximumLogit().score({}, trained.outputs(X))
    torch.testing.assert_close(score, -(cosines / 0.2).amax(1))
