from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax

from gengap.detectors import flowcon
from gengap.detectors.flowcon import FlowCon
from gengap.detectors.registry import DetectorInfo, detectors
from gengap.detectors.tools.coupling import flow, initial_couplings
from gengap.models.outputs import Outputs
from gengap.testing import DetectorConformance


class Short(FlowCon):
    """Trained for as long as the toys need."""

    def fit(self, train: Outputs) -> dict[str, torch.Tensor]:
        return FlowCon(steps=60).fit(train)


class TestFlowCon(DetectorConformance):
    detector = Short

    @property
    def info(self) -> DetectorInfo:
        return replace(detectors()["flowcon"], detector=Short)


def random_flow(width: int) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(width)
    start = initial_couplings(width, source)
    return {k: 0.3 * torch.randn(p.shape, generator=source).double() for k, p in start.items()}


@pytest.mark.parametrize("width", [1, 2, 5])
def test_determinant_is_the_jacobians(width: int) -> None:
    parameters = random_flow(width)
    x = torch.randn(6, width, generator=torch.Generator().manual_seed(0)).double()
    found = flow(parameters, x)[1]
    for row, value in zip(x, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda r: flow(parameters, r[None])[0][0], row
        )
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet)
    assert bool((found != 0).all())


def test_flow_starts_as_the_identity() -> None:
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    z, stretch = flow(initial_couplings(5, torch.Generator().manual_seed(0)), x)
    assert torch.equal(z, x)
    assert stretch.tolist() == [0] * 4


def test_log_densities_are_scipys() -> None:
    draw = np.random.default_rng(0)
    z, means, spreads = (draw.normal(size=size) for size in ((7, 3), (2, 3), (2, 3)))
    parameters = {"means": torch.tensor(means), "spreads": torch.tensor(spreads)}
    sigma = np.exp(3 * np.tanh(spreads / 3))
    wanted = stats.norm.logpdf(z[:, None], means, sigma).mean(2)
    np.testing.assert_allclose(flowcon.log_densities(parameters, torch.tensor(z)), wanted)


def test_contrast_by_brute_force() -> None:
    draw = np.random.default_rng(0)
    densities, y = draw.normal(size=(8, 3)), np.array([0, 0, 0, 1, 1, 1, 1, 2])
    losses = []
    for i in range(7):  # the last is alone in its class
        p = np.exp(densities[:, y[i]])
        others = np.array([j for j in range(8) if j != i])
        shares = log_softmax((p[i] * p[others]) ** 0.7 / 0.2)
        losses.append(-shares[y[others] == y[i]].mean())
    found = flowcon.contrast(torch.tensor(densities), torch.tensor(y), 0.7, 0.2)
    np.testing.assert_allclose(found, np.mean(losses))


def test_half_the_exponent_integrates_to_bhattacharyyas_coefficient() -> None:
    # The similarity of two densities at a point, integrated over the line, is their overlap.
    grid = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
    parameters = {
        "means": torch.tensor([[0.0], [1.5]]).double(),
        "spreads": torch.zeros(2, 1).double(),
    }
    densities = flowcon.log_densities(parameters, grid)
    overlap = torch.trapezoid((0.5 * densities.sum(1)).exp(), grid[:, 0])
    np.testing.assert_allclose(overlap, np.exp(-(1.5**2) / 8), rtol=1e-6)


def test_loss_without_contrast_is_the_change_of_variables() -> None:
    parameters = random_flow(3)
    draw = np.random.default_rng(1)
    means = draw.normal(size=(2, 3))
    parameters |= {"means": torch.tensor(means), "spreads": torch.zeros(2, 3).double()}
    x, y = torch.tensor(draw.normal(size=(5, 3))), torch.tensor([0, 1, 0, 1, 1])
    z, stretch = flow(parameters, x)
    density = stats.multivariate_normal.logpdf(z.numpy() - means[y.numpy()], np.zeros(3), np.eye(3))
    wanted = -(density + stretch.numpy()).mean() / 3
    found = flowcon.flow_loss(parameters, x, y, FlowCon(contrast=0.0))
    np.testing.assert_allclose(found, wanted)


def test_training_lowers_the_loss_and_keeps_constant_features_out() -> None:
    source = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    features = torch.randn(60, 6, generator=source) + 2 * y[:, None]
    features[:, 5] = 7.0
    train, how = Outputs(features=features, labels=y), FlowCon(steps=50)
    fitted = how.fit(train)
    x = flowcon.standardised(features, fitted)
    assert x[:, 5].tolist() == [0] * 60
    start = initial_couplings(6, torch.Generator().manual_seed(0))
    start |= {"means": torch.stack([x[y == c].mean(0) for c in range(3)])}
    start |= {"spreads": torch.zeros(3, 6)}
    assert flowcon.flow_loss(fitted, x, y, how) < flowcon.flow_loss(start, x, y, how)
    moved = replace(train, features=features + torch.eye(6)[5])
    assert torch.equal(how.score(fitted, moved), how.score(fitted, train))
