from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.detectors.activation_coverage import ActivationCoverage, unit_states
from gengap.models.outputs import Head, Outputs

# One unit before two classes: ∂KL/∂z = 1 (p_0 - 1/2) - 1 (p_1 - 1/2) = 2 p_0 - 1.
HEAD = Head(torch.tensor([[1.0], [-1.0]]), torch.zeros(2))
SURE = math.log(3) / 2  # p_0 = 3/4, so ∂KL/∂z = 1/2


def test_state_of_one_unit_worked_by_hand() -> None:
    state = unit_states(torch.tensor([[SURE, -SURE]]), torch.tensor([[3.0]]), HEAD.weight, 2.0)
    assert float(state) == pytest.approx(1 / (1 + math.exp(-2 * 3 * 0.5)), rel=1e-6)


def test_states_agree_with_automatic_differentiation() -> None:
    source = torch.Generator().manual_seed(0)
    head = Head(torch.randn(4, 6, generator=source), torch.randn(4, generator=source))
    features = torch.randn(9, 6, generator=source).requires_grad_()
    logits = head(features)
    divergence = -logits.log_softmax(1).mean(1) - math.log(4)
    (gradient,) = torch.autograd.grad(divergence.sum(), features)
    expected = torch.sigmoid(3 * features * gradient)
    found = unit_states(logits, features, head.weight, 3.0).float()
    assert torch.allclose(found, expected, atol=1e-6)


def test_coverage_of_one_unit_worked_by_hand() -> None:
    detector = ActivationCoverage(steepness=2.0, bins=4, full=0.5)
    # z ∂KL/∂z is 0, 0, 0, 3/2, so that states are 1/2 (bin 2) three times and 0.95 (bin 3) once.
    train = Outputs(
        logits=torch.tensor([[SURE, -SURE]]).repeat(4, 1),
        features=torch.tensor([[0.0], [0.0], [0.0], [3.0]]),
        head=HEAD,
    )
    fitted = detector.fit(train)
    # Half of the four examples cover a bin fully: 3 do, 1 does by half, and none not at all.
    assert fitted["coverage"].tolist() == [0, 0, 1, 0.5]
    new = Outputs(
        logits=torch.tensor([[SURE, -SURE]]).repeat(3, 1),
        features=torch.tensor([[0.1], [5.0], [-5.0]]),
    )
    assert detector.score(fitted, new).tolist() == [-1, -0.5, 0]


def test_the_mean_is_over_units() -> None:
    head = Head(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.zeros(2))
    train = Outputs(torch.tensor([[SURE, -SURE]]), torch.tensor([[3.0, 0.0]]), head=head)
    detector = ActivationCoverage(steepness=2.0, bins=4)
    new = Outputs(torch.tensor([[SURE, -SURE]]), torch.tensor([[3.0, -3.0]]))
    assert detector.score(detector.fit(train), new).tolist() == [-0.5]


def test_missing_parts_are_usage_errors() -> None:
    train = Outputs(torch.zeros(2, 2), torch.zeros(2, 1), head=HEAD)
    for missing in ({"head": None}, {"logits": None}, {"features": None}):
        with pytest.raises(UsageError):
            ActivationCoverage().fit(replace(train, **missing))
