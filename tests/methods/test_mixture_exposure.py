"""Mixture exposure: blends and soft targets by hand and by torch's own, and a toy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import toys
from exposed_toys import exposed, toy

from gengap.base.seeds import generator
from gengap.methods.mixture_exposure import MixtureExposure, blend_loss, blended


def test_blend_loss_by_hand():
    """Probabilities 3/4 and 1/4, a quarter inlier of class 0: the target is 5/8 and 3/8."""
    logits = torch.tensor([[math.log(3), 0.0]])
    by_hand = -(5 / 8 * math.log(3 / 4) + 3 / 8 * math.log(1 / 4))
    assert float(blend_loss(logits, torch.tensor([0]), torch.tensor([0.25]))) == pytest.approx(
        by_hand
    )


def test_blend_loss_is_cross_entropy_with_soft_targets():
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 4, generator=source)
    labels, share = torch.arange(7) % 4, torch.rand(7, generator=source)
    target = share[:, None] * F.one_hot(labels, 4) + (1 - share[:, None]) / 4
    assert float(blend_loss(logits, labels, share)) == pytest.approx(
        float(F.cross_entropy(logits, target)), rel=1e-6
    )


def test_blends_by_hand_for_images():
    inliers, outliers = torch.full((2, 1, 2, 2), 4.0), torch.full((2, 1, 2, 2), 8.0)
    found = blended(inliers, outliers, torch.tensor([1.0, 0.25]))
    assert torch.equal(found[:, 0, 0, 0], torch.tensor([4.0, 7.0]))


def test_confidence_falls_along_the_way_to_outliers():
    tuned = exposed(MixtureExposure(learning_rate=1e-2), steps=150, batch=64)
    new, truth, strange = toy(seed=1)
    way = [share * new + (1 - share) * strange for share in np.float32([1.0, 0.75, 0.5, 0.25, 0.0])]
    confidence = [float(tuned.outputs(x).logits.softmax(1).max(1).values.mean()) for x in way]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] > 0.8
    assert confidence[-1] < 0.55
    assert np.mean(tuned.predict(new) == truth) > 0.95


def test_shares_come_from_the_runs_own_generator():
    problem = toys.toy([MixtureExposure(alpha=0.5, weight=3.0)] * 2)
    batch = problem.batches[0]
    draws = [generator(run, "toy method").beta(0.5, 0.5, 18) for run in range(2)]
    loss = problem.method.loss(problem.network, batch, problem.state)
    for run, share in enumerate(draws):
        network = toys.single(problem, run)
        inliers, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
        part = torch.from_numpy(share).float()
        between = network(part[:, None] * inliers + (1 - part[:, None]) * batch.unlabelled[run])
        target = part[:, None] * F.one_hot(y, 3) + (1 - part[:, None]) / 3
        wanted = F.cross_entropy(network(inliers), y) + 3 * F.cross_entropy(between, target)
        torch.testing.assert_close(loss[run], wanted)
