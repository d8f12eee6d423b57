from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from toys import toy
from trained_toys import Trained, circle

from gengap.methods import unleashing_mask as um
from gengap.methods.base import take_step
from gengap.methods.erm import ERM
from gengap.methods.unleashing_mask import UnleashingMask
from gengap.testing import Size


def loss_by_numpy(p, X, y, share):
    """Cross-entropy of two layers written out, without the smallest share of weights."""
    sizes = np.sort(np.abs(np.concatenate([p["weight0"].ravel(), p["weight1"].ravel()])))
    cut = sizes[int(share * len(sizes))]
    w0, w1 = (np.where(np.abs(p[name]) >= cut, p[name], 0) for name in ("weight0", "weight1"))
    hidden = np.maximum(X @ w0 + p["bias0"], 0)
    return -log_softmax(hidden @ w1 + p["bias1"], axis=1)[np.arange(len(y)), y].mean()


def single(parameters, run=0):
    return {name: p[run].detach().double().numpy() for name, p in parameters.items()}


def test_flooding_climbs_below_its_level():
    for loss, level, value, slope in (
        (0.7, 0.5, 0.7, 1.0), (0.2, 0.5, 0.8, -1.0), (0.2, -np.inf, 0.2, 1.0),
    ):  # fmt: skip
        at = torch.tensor(loss, requires_grad=True)
        flooded = um.flooded(at, torch.tensor(level))
        flooded.backward()
        np.testing.assert_allclose([flooded.item(), at.grad.item()], [value, slope], rtol=1e-6)


def test_weights_of_any_shape_are_masked_and_biases_are_not():
    size = {
        "signal": (3, 1, 5),
        "point": (4, 3, 1, 1),
        "plain": (4, 3),
        "row": (1, 3),
        "bias": (4,),
    }
    draw = torch.Generator().manual_seed(0)
    own = {name: torch.rand((2, *shape), generator=draw) + 0.1 for name, shape in size.items()}
    found = um.masked(own, 0.5)
    lost = {name: int((value == 0).sum()) for name, value in found.items()}
    assert lost.pop("row") == lost.pop("bias") == 0
    assert sum(lost.values()) == 2 * 19  # of 39 in each run
    assert all(lost.values())


def test_mask_by_hand():
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
def test_level_is_the_masked_networks_loss(share):
    problem = toy([UnleashingMask(pruned=share, start=0.5)] * 2, size=Size(steps=4))
    problem.train(2)
    every = next(problem.batches[2].everything())
    wanted = [
        loss_by_numpy(
            single(problem.network.parameters, run),
            every.x[run].flatten(0, 1).double().numpy(),
            every.y[run].flatten().numpy(),
            share,
        )
        for run in range(2)
    ]
    take_step(problem.method, problem.network, problem.optimizer, problem.batches[2], problem.state)
    np.testing.assert_allclose(problem.state["level"], wanted, rtol=1e-4)


def test_forgetting_ends_near_the_level():
    X, y = circle()
    settings = {"steps": 600, "batch": 60, "width": 16}
    plain = Trained(ERM(learning_rate=1e-2), X, y, **settings)
    mask = UnleashingMask(learning_rate=1e-2, pruned=0.6, start=0.5)
    forgotten = Trained(mask, X, y, **settings)
    rows = plain.prepared(X).double().numpy()
    codes = np.unique(y, return_inverse=True)[1]
    end = loss_by_numpy(single(plain.network.parameters), rows, codes, 0.0)
    found = loss_by_numpy(single(forgotten.network.parameters), rows, codes, 0.0)
    half = Trained(ERM(learning_rate=1e-2), X, y, **{**settings, "steps": 300})
    level = loss_by_numpy(single(half.network.parameters), rows, codes, 0.6)
    assert level > 2 * end
    assert abs(found - level) < (level - end) / 2
    assert np.mean(forgotten.predict(X) == y) > 0.8
