"""Outlier exposure: the uniform loss by hand, and what it does to a toy."""

from __future__ import annotations

import math

import pytest
import torch
from exposed_toys import network, separated, toy

from gengap.detectors.exposed.descent import Schedule
from gengap.detectors.exposed.outlier_exposure import outlier_exposure, uniform_loss
from gengap.detectors.msp import MaximumSoftmaxProbability


def test_uniform_loss_by_hand():
    """Probabilities 1/2, 1/4, 1/4: the mean of -log is (1 + 2 + 2) log 2 / 3."""
    logits = torch.tensor([[2.0, 1.0, 1.0]]) * math.log(2) + 7
    assert float(uniform_loss(logits)) == pytest.approx(5 / 3 * math.log(2))
    assert float(uniform_loss(torch.zeros(5, 3))) == pytest.approx(math.log(3))


def test_uniform_loss_is_smallest_at_equal_logits():
    logits = torch.zeros(4, 3, requires_grad=True)
    uniform_loss(logits).backward()
    assert torch.allclose(logits.grad, torch.zeros(4, 3), atol=1e-7)
    assert float(uniform_loss(torch.randn(4, 3))) > math.log(3)


def test_exposure_makes_outliers_uncertain_and_keeps_the_classes():
    """Outliers far off, of which the same network without exposure is sure."""
    inliers, labels, outliers = toy()
    new, truth, strange = toy(seed=1)
    fast = Schedule(steps=120, learning_rate=1e-2)
    exposed, plain = (
        outlier_exposure(network(), inliers, labels, 9 * outliers, weight=weight, schedule=fast)
        for weight in (0.5, 0)
    )
    with torch.no_grad():
        rows = [model(9 * strange).softmax(1) for model in (exposed, plain)]
    sure = [float(row.max(1).values.mean()) for row in rows]
    assert sure[0] < 0.8
    assert sure[1] > 0.9
    assert (exposed(new).argmax(1) == truth).float().mean() > 0.95
    assert separated(exposed, MaximumSoftmaxProbability()) > 0.95


def test_seeds_decide():
    fast = Schedule(steps=3)
    models = [outlier_exposure(network(), *toy(), schedule=fast, seed=s) for s in (0, 0, 1)]
    weights = [m[0].weight for m in models]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
