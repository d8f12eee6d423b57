"""Smooth rectifiers, and networks that have them."""

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.models.activations import SmeLU
from gengap.models.networks import architecture


def test_smelu_by_hand():
    x = torch.tensor([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0], requires_grad=True)
    found = SmeLU(2.0)(x)
    # (x + 2)² / 8 between -2 and 2, and (x + 2) / 4 its slope.
    assert found.tolist() == [0, 0, 0.125, 0.5, 1.125, 2, 5]
    found.sum().backward()
    assert x.grad.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]


@pytest.mark.parametrize("name", ["mlp(5,activation=smelu)", "mlp(5,activation=smelu,norm=layer)"])
def test_a_perceptron_that_has_it(name):
    made = architecture(name)
    own = made.initialise((3,), 2, 0)
    assert made.name == name
    assert made.vectorises
    x = np.random.default_rng(0).normal(size=(1, 4, 3)).astype(np.float32)
    output = made.forward({k: p[None] for k, p in own.items()}, torch.from_numpy(x))
    h = x[0] @ own["1.weight"].numpy().T + own["1.bias"].numpy()
    if "norm" in name:
        h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5)
    bent = np.where(h < -1, 0, np.where(h > 1, h, (h + 1) ** 2 / 4))
    np.testing.assert_allclose(output.features[0].numpy(), bent, atol=1e-5)


def test_convolutions_have_it_and_rectified_perceptrons_are_written_out():
    made = architecture("cnn(activation=smelu,norm=group)")
    own = made.initialise((1, 8, 8), 2, 0)
    assert made.forward({k: p[None] for k, p in own.items()}, torch.zeros(1, 2, 1, 8, 8))
    assert architecture("mlp(5,activation=relu)") == architecture("mlp(5)")


@pytest.mark.parametrize("wrong", ["mlp(5,activation=x)", "cnn(activation=)", "mlp(activation)"])
def test_activations_that_there_are_not(wrong):
    with pytest.raises(UsageError, match=r"mlp\(64,activation=smelu\)"):
        architecture(wrong)
