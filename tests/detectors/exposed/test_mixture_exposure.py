"""Mixture exposure: blends and soft targets by hand and by torch's own, and a toy."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from exposed_toys import network, toy

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Schedule
from gengap.detectors.exposed.mixture_exposure import blend_loss, blended, mixture_exposure


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
    inliers, labels, outliers = toy()
    fast = Schedule(steps=150, learning_rate=1e-2)
    tuned = mixture_exposure(network(), inliers, labels, outliers, schedule=fast)
    new, truth, strange = toy(seed=1)
    way = [blended(new, strange, torch.full((90,), share)) for share in (1.0, 0.75, 0.5, 0.25, 0.0)]
    with torch.no_grad():
        confidence = [float(tuned(x).softmax(1).max(1).values.mean()) for x in way]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] > 0.8
    assert confidence[-1] < 0.55
    assert (tuned(new).argmax(1) == truth).float().mean() > 0.95


@pytest.mark.parametrize("alpha", [0, -1, float("nan")])
def test_alpha_must_be_positive(alpha):
    with pytest.raises(UsageError, match="alpha"):
        mixture_exposure(network(), *toy(), alpha=alpha)
