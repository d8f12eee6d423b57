"""SCONE: the augmented Lagrangian on a scalar problem, and what it does to a toy."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from exposed_toys import network, separated, toy

from gengap.base.errors import UsageError
from gengap.detectors.energy import Energy
from gengap.detectors.exposed.descent import Schedule
from gengap.detectors.exposed.energy_margin import energy
from gengap.detectors.exposed.outlier_exposure import outlier_exposure
from gengap.detectors.exposed.scone import Multiplier, scone


def test_augmented_terms_by_hand():
    """With λ = 1 and β = 2: c = 3 gives (7² - 1) / 4, and below c = -1/2 it is flat."""
    multiplier = Multiplier(value=1.0, penalty=2.0)
    assert float(multiplier.penalised(torch.tensor(3.0))) == 12
    constraint = torch.tensor(-0.6, requires_grad=True)
    term = multiplier.penalised(constraint)
    term.backward()
    assert float(term.detach()) == -0.25
    assert float(constraint.grad) == 0


def test_a_scalar_problem_ends_at_its_multiplier():
    """Minimise (x - 2)² with x <= 1: the solution is 1 and the multiplier 2.

    Between updates the minimiser is x = (4 - λ + β) / (2 + β) as long as λ + β (x - 1) > 0.
    """
    multiplier = Multiplier()
    for _ in range(40):
        value, penalty = multiplier.value, multiplier.penalty
        x = torch.tensor((4 - value + penalty) / (2 + penalty), requires_grad=True)
        ((x - 2).square() + multiplier.penalised(x - 1)).backward()
        assert float(x.grad) == pytest.approx(0, abs=1e-5)
        multiplier.update(float(x.detach() - 1))
    assert float(x.detach()) == pytest.approx(1, abs=1e-5)
    assert multiplier.value == pytest.approx(2, abs=1e-4)


def test_an_inactive_constraint_costs_nothing():
    multiplier = Multiplier()
    multiplier.update(-0.3)
    assert (multiplier.value, multiplier.penalty) == (0, 1)
    assert float(multiplier.penalised(torch.tensor(-0.3))) == 0


def test_strangers_rise_above_zero_and_inliers_keep_their_margin():
    inliers, labels, strangers = toy()
    fast = Schedule(steps=200, learning_rate=1e-2)
    model = outlier_exposure(network(), inliers, labels, strangers, weight=0, schedule=fast)
    with torch.no_grad():
        before = float(F.cross_entropy(model(inliers), labels))
    wild = torch.cat([toy(seed=2)[0], strangers])
    tuned = scone(model, inliers, labels, wild, margin=3, schedule=fast)
    assert separated(tuned, Energy()) > 0.97
    with torch.no_grad():
        known, strange = tuned(inliers), tuned(strangers)
    assert float((energy(strange) > 0).float().mean()) > 0.8
    assert float((energy(known) > -3).float().mean()) < 0.15
    assert float(F.cross_entropy(known, labels)) < max(3 * before, 0.1)


@pytest.mark.parametrize(
    "values", [{"margin": -1}, {"false_alarms": 0}, {"false_alarms": 1}, {"tolerance": 0}]
)
def test_bad_parameters_are_named(values):
    with pytest.raises(UsageError, match="SCONE needs"):
        scone(network(), *toy(), **values)
