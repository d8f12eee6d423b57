"""SCALE, VRA, NCI and GradNorm by hand, and the last by differentiating."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div, linear

from gengap.detectors.gradnorm import GradNorm
from gengap.detectors.nci import Nci
from gengap.detectors.react import ReAct
from gengap.detectors.scale import Scale
from gengap.detectors.vra import Vra
from gengap.models.outputs import Head, Outputs

IDENTITY = Head(torch.eye(4), torch.zeros(4))


def some(n: int = 50, d: int = 4, seed: int = 0) -> Outputs:
    source = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(3, d, generator=source), torch.randn(3, generator=source))
    features = torch.randn(n, d, generator=source).relu()
    return Outputs(features=features, head=head)


def test_gradnorm_is_the_norm_of_autograds_gradient() -> None:
    outputs = some()
    assert outputs.features is not None
    assert outputs.head is not None
    detector = GradNorm()
    found = detector.score(detector.fit(outputs), outputs)
    for row, score in zip(outputs.features, found.tolist(), strict=True):
        weight = outputs.head.weight.clone().requires_grad_()
        log_p = linear(row, weight, outputs.head.bias).log_softmax(0)
        (slope,) = torch.autograd.grad(
            kl_div(log_p, torch.full((3,), 1 / 3), reduction="sum"), weight
        )
        assert score == pytest.approx(-float(slope.abs().sum()), rel=1e-4, abs=1e-6)


def test_scale_by_hand() -> None:
    # Of 4 features the largest 2 count: 8 of 10, and all are scaled by exp(10 / 8).
    new = Outputs(features=torch.tensor([[1.0, 5.0, 1.0, 3.0]]))
    detector = Scale(left_out=0.5)
    factor = math.exp(10 / 8)
    expected = -math.log(sum(math.exp(h * factor) for h in (1, 5, 1, 3)))
    found = detector.score(detector.fit(Outputs(features=new.features, head=IDENTITY)), new)
    assert found.item() == pytest.approx(expected)


def test_vra_by_hand() -> None:
    # Activations 0 to 100: below 50 nothing, above 90 no more than 90.
    train = Outputs(features=torch.arange(101.0)[:, None], head=Head(torch.eye(1), torch.zeros(1)))
    detector = Vra(small=0.5, large=0.9)
    fitted = detector.fit(train)
    new = Outputs(features=torch.tensor([[49.0], [50.0], [89.0], [97.0]]))
    assert detector.score(fitted, new).tolist() == [0.0, -50.0, -89.0, -90.0]


def test_vra_that_silences_nothing_is_react() -> None:
    train = some()
    vra, react = Vra(small=0.0, large=0.9), ReAct(share=0.9)
    found = vra.score(vra.fit(train), train)
    torch.testing.assert_close(found, react.score(react.fit(train), train))


def test_nci_by_hand() -> None:
    # Mean (1, 1): (4, 5) is (3, 4) from it, 5 away; class 0 has weights (2, 1) and wins.
    head = Head(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.zeros(2))
    train = Outputs(features=torch.tensor([[0.0, 2.0], [2.0, 0.0]]), head=head)
    detector = Nci(length=0.1)
    new = Outputs(features=torch.tensor([[4.0, 5.0]]))
    found = detector.score(detector.fit(train), new)
    np.testing.assert_allclose(found, [-(2 * 3 + 1 * 4) / 5 - 0.1 * 9], rtol=1e-6)
