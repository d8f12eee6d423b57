from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from trained_toys import circle

from gengap.base.errors import UsageError
from gengap.detectors.energy import Energy
from gengap.detectors.trained import unleashing_mask as um
from gengap.detectors.trained.base import (
    Schedule,
    TrainedDetector,
    plain_outputs,
    train_detector,
)
from gengap.methods.erm import ERM


@pytest.fixture(scope="module")
def plain() -> TrainedDetector:
    schedule = Schedule("mlp(16)", steps=400, batch=30)
    return train_detector(ERM(), plain_outputs, Energy(), *circle(), schedule=schedule)


def loss_by_numpy(trained: TrainedDetector, share: float) -> float:
    """Cross-entropy of the two layers written out, without the smallest share of weights."""
    p = {k: v[0].double().numpy() for k, v in trained.network.parameters.items()}
    sizes = np.sort(np.abs(np.concatenate([p["weight0"].ravel(), p["weight1"].ravel()])))
    cut = sizes[int(share * len(sizes))]
    w0, w1 = (np.where(np.abs(p[name]) >= cut, p[name], 0) for name in ("weight0", "weight1"))
    X, y = circle()
    hidden = np.maximum(trained.prepared(X).double().numpy() @ w0 + p["bias0"], 0)
    shares = log_softmax(hidden @ w1 + p["bias1"], axis=1)
    return -shares[np.arange(len(y)), np.unique(y, return_inverse=True)[1]].mean()


def test_flooding_climbs_below_its_level() -> None:
    for loss, value, slope in ((0.7, 0.7, 1.0), (0.2, 0.8, -1.0)):
        at = torch.tensor(loss, requires_grad=True)
        flooded = um.flooded(at, 0.5)
        flooded.backward()
        assert at.grad is not None
        np.testing.assert_allclose([flooded.item(), at.grad.item()], [value, slope], rtol=1e-6)


def test_mask_by_hand() -> None:
    parameters = {
        "weight0": torch.tensor([[[3.0, -1.0], [0.5, 2.0]]]),
        "bias0": torch.tensor([[[0.1, 0.2]]]),
        "weight1": torch.tensor([[[-0.7, 4.0], [1.5, -5.0]]]),
        "bias1": torch.tensor([[[0.3, 0.4]]]),
    }
    found = um.masked(parameters, 0.5)  # removes 0.5, 0.7, 1 and 1.5
    assert found["weight0"].tolist() == [[[3.0, 0.0], [0.0, 2.0]]]
    assert found["weight1"].tolist() == [[[0.0, 4.0], [0.0, -5.0]]]
    assert torch.equal(found["bias0"], parameters["bias0"])
    assert torch.equal(um.masked(parameters, 0.0)["weight1"], parameters["weight1"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_level_is_the_masked_networks_loss(plain: TrainedDetector, share: float) -> None:
    wanted = loss_by_numpy(plain, share)
    np.testing.assert_allclose(um.masked_level(plain, *circle(), share), wanted, rtol=1e-4)


def test_forgetting_ends_near_the_level_and_leaves_the_network_alone(
    plain: TrainedDetector,
) -> None:
    X, y = circle()
    before = {k: v.clone() for k, v in plain.network.parameters.items()}
    start, level = loss_by_numpy(plain, 0.0), um.masked_level(plain, X, y, 0.6)
    assert level > 2 * start
    forgotten = um.forget(plain, X, y, pruned=0.6, schedule=Schedule(steps=200, batch=60))
    assert abs(loss_by_numpy(forgotten, 0.0) - level) < (level - start) / 2
    for name, value in plain.network.parameters.items():
        assert torch.equal(value, before[name])
    assert np.mean(forgotten.predict(X) == y) > 0.8


def test_share_must_be_one(plain: TrainedDetector) -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(UsageError, match=r"must be in \[0, 1\)"):
            um.forget(plain, *circle(), pruned=share)
