"""Energy margins: hinges by hand, the usual margins, and a toy."""

from __future__ import annotations

import math

import pytest
import torch
from exposed_toys import network, separated, toy
from scipy.special import logsumexp

from gengap.base.errors import UsageError
from gengap.detectors.energy import Energy
from gengap.detectors.exposed.descent import Schedule
from gengap.detectors.exposed.energy_margin import (
    energy,
    energy_margin,
    margin_loss,
    usual_margins,
)
from gengap.detectors.exposed.outlier_exposure import outlier_exposure


def test_energy_against_scipy():
    logits = torch.tensor([[1.0, -2.0, 40.0], [0.0, 0.0, 0.0]])
    assert energy(logits).numpy() == pytest.approx(-logsumexp(logits.numpy(), axis=1))


def test_margin_loss_by_hand():
    """Inliers exceed -3 by 0, 2 and 4; outliers fall short of -1 by 3 and 0."""
    inliers, outliers = torch.tensor([-9.0, -1.0, 1.0]), torch.tensor([-4.0, 5.0])
    assert float(margin_loss(inliers, outliers, -3, -1)) == pytest.approx(20 / 3 + 9 / 2)


def test_no_pull_inside_the_margins():
    inliers = torch.tensor([-9.0], requires_grad=True)
    outliers = torch.tensor([5.0], requires_grad=True)
    margin_loss(inliers, outliers, -3, -1).backward()
    assert float(inliers.grad) == float(outliers.grad) == 0


def test_usual_margins():
    inliers, labels, outliers = toy(91)
    model = outlier_exposure(network(), inliers, labels, outliers, schedule=Schedule(steps=30))
    low, high = usual_margins(model, inliers)
    energies = -logsumexp(model(inliers).detach().numpy(), axis=1)
    assert low == pytest.approx(sorted(energies)[45], rel=1e-5)
    assert high == pytest.approx(-math.log(3))


def test_energies_end_beyond_their_margins():
    inliers, labels, outliers = toy()
    fast = Schedule(steps=150, learning_rate=1e-2)
    tuned = energy_margin(
        network(), inliers, labels, outliers, weight=1, margins=(-6, -1), schedule=fast
    )
    assert separated(tuned, Energy()) > 0.99
    with torch.no_grad():
        assert float(energy(tuned(inliers)).median()) < -5
        assert float(energy(tuned(outliers)).median()) > -2


def test_crossed_margins_are_refused():
    with pytest.raises(UsageError, match="not below"):
        energy_margin(network(), *toy(), margins=(-1, -1))
