from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import logsumexp
from trained_toys import Trained, circle, unit

from gengap.methods import hypo, palm
from gengap.methods.sphere import embed
from gengap.testing import toy


def random_case(K: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(K)
    z = unit(*draw.normal(size=(12, 4)).tolist())
    points = unit(*draw.normal(size=(3 * K, 4)).tolist()).reshape(1, 3, K, 4)
    return torch.tensor(z)[None], torch.arange(12)[None] % 3, torch.tensor(points)


def test_sharing_two_examples_by_hand() -> None:
    # Scaling keeps the cross-ratio q11 q22 / (q12 q21) = exp((a + d - b - c) / ε), and sums of 1
    # make it (q / (1 - q))², so q = logistic((a + d - b - c) / 2ε).
    cosines = torch.tensor([[[0.10, 0.02], [0.07, 0.05]]], dtype=torch.float64)
    found = palm.shared(cosines, torch.ones(1, 2, 1, dtype=torch.float64), rounds=200)
    q = 1 / (1 + math.exp(-(0.10 + 0.05 - 0.02 - 0.07) / (2 * 0.05)))
    np.testing.assert_allclose(found[0], [[q, 1 - q], [1 - q, q]], rtol=1e-10)


def test_shares_are_even_within_each_class() -> None:
    z, y, points = random_case(2)
    member = F.one_hot(y, 3).to(z)
    cosines = palm.own(palm.cosines_to(points, z), y)
    usual, weights = palm.shared(cosines, member), palm.shared(cosines, member, rounds=2000)
    np.testing.assert_allclose(usual.sum(2), 1)
    np.testing.assert_allclose(weights.sum(2), 1)
    np.testing.assert_allclose(torch.einsum("rnc,rnk->rck", member, weights), 2, rtol=1e-4)


def test_only_the_largest_shares_are_kept() -> None:
    weights = torch.tensor([[[0.5, 0.1, 0.3, 0.1]]])
    np.testing.assert_allclose(palm.kept(weights, 2), [[[0.625, 0, 0.375, 0]]], rtol=1e-6)
    np.testing.assert_allclose(palm.kept(weights, 9), weights)


def test_prototypes_move_by_brute_force() -> None:
    z, y, points = random_case(2)
    moved, weights = palm.move(points, z, y, torch.tensor([0.9], dtype=torch.float64))
    for c in range(3):
        for k in range(2):
            share = (weights[0, :, k] * (y[0] == c)).numpy()
            mean = share @ z[0].numpy() / share.sum()
            step = 0.9 * points[0, c, k].numpy() + 0.1 * mean
            np.testing.assert_allclose(moved[0, c, k], step / np.linalg.norm(step))


def test_mixture_loss_by_brute_force() -> None:
    z, y, points = random_case(3)
    weights = torch.tensor(np.random.default_rng(0).dirichlet(np.ones(3), size=12))[None]
    losses = []
    for i in range(12):
        cosines = np.einsum("ckp,p->ck", points[0], z[0, i]) / 0.2
        mine = logsumexp(cosines[y[0, i]], b=weights[0, i].numpy())
        losses.append(logsumexp(cosines) - mine)
    found = palm.mixture_loss(z, y, points, weights, 0.2)
    np.testing.assert_allclose(found, [np.mean(losses)])


def test_a_prototype_without_share_leaves_the_gradient_finite() -> None:
    z, y, points = random_case(2)
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(1, 12, 2)
    z.requires_grad_()
    palm.mixture_loss(z, y, points, weights, 0.1).sum().backward()
    assert z.grad is not None
    assert bool(torch.isfinite(z.grad).all())


def test_one_prototype_per_class_is_hypo_without_separation() -> None:
    z, y, points = random_case(1)
    momentum = torch.tensor([0.8], dtype=torch.float64)
    moved, weights = palm.move(points, z, y, momentum)
    torch.testing.assert_close(moved[:, :, 0], hypo.move(points[:, :, 0], z, y, momentum))
    found = palm.mixture_loss(z, y, moved, weights, 0.1)
    torch.testing.assert_close(found, hypo.variation(z, y, moved[:, :, 0], 0.1))
    assert palm.contrast(moved).tolist() == [0]


def test_only_the_contrast_moves_the_network_through_the_prototypes() -> None:
    problem = toy([palm.PALM(prototypes=2, contrast=3.0)])
    batch, weight = problem.batches[0], problem.network.parameters["weight0"]
    before = problem.state["prototypes"].clone()
    found = problem.method.gradients(problem.network, batch, problem.state)["weight0"]
    z, y = embed(problem.network, batch.x), batch.y.flatten(1)
    moved, weights = palm.move(before, z, y, torch.tensor([0.95]))
    loss = palm.mixture_loss(z, y, moved.detach(), weights, 0.1) + 3 * palm.contrast(moved)
    torch.testing.assert_close(found, torch.autograd.grad(loss.sum(), weight)[0])
    torch.testing.assert_close(problem.state["prototypes"], moved.detach())


def test_contrast_by_brute_force() -> None:
    points = random_case(3)[2]
    flat, label = points[0].reshape(9, 4).numpy(), np.repeat(np.arange(3), 3)
    terms = []
    for i in range(9):
        others = [j for j in range(9) if j != i]
        total = logsumexp([flat[i] @ flat[j] / 0.5 for j in others])
        terms += [total - flat[i] @ flat[j] / 0.5 for j in others if label[j] == label[i]]
    np.testing.assert_allclose(palm.contrast(points), [np.mean(terms)])


def test_logits_and_features_are_read_off_the_prototypes() -> None:
    X, y = circle()
    trained = Trained(palm.PALM(prototypes=2), X, y, width=8, steps=10)
    assert trained.network.parameters["prototypes"].shape == (1, 3, 2, 64)
    outputs = trained.outputs(X, y)
    np.testing.assert_allclose(outputs.features.norm(dim=1), 1, rtol=1e-5)
    cosines = np.einsum(
        "np,ckp->nck", outputs.features, trained.network.parameters["prototypes"][0]
    )
    np.testing.assert_allclose(outputs.logits, logsumexp(cosines, axis=2), rtol=1e-4)
