"""ODIN against the closed form for a linear model and an autograd-free finite difference."""

from __future__ import annotations

import numpy as np
import torch
from detector_toys import blobs, complaint
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from gengap.detectors.odin import ODIN
from gengap.models.outputs import Outputs

WEIGHT = torch.tensor([[1.0, -2.0], [0.5, 1.0], [-1.0, 0.25]])


def linear(inputs: Tensor) -> Tensor:
    return inputs @ WEIGHT.T


def test_linear_model_by_hand() -> None:
    """The gradient of log p_k is w_k minus the mean of the weights under p, over T."""
    inputs = torch.tensor([[1.0, 1.0], [-2.0, 0.3], [0.2, -0.7]])
    found = ODIN(temperature=2.0, step=0.1).score({}, Outputs(inputs=inputs, network=linear))
    x, w = inputs.double().numpy(), WEIGHT.double().numpy()
    p = softmax(x @ w.T / 2, 1)
    slope = (w[p.argmax(1)] - p @ w) / 2
    moved = x + 0.1 * np.sign(slope)
    after = softmax(moved @ w.T / 2, 1).max(1)
    np.testing.assert_allclose(found, (1 - after) / after, rtol=1e-5)


def test_network_against_finite_differences() -> None:
    toy = blobs().new.rows(slice(0, 180, 20))
    assert isinstance(toy.network, nn.Module)
    network = toy.network
    assert toy.inputs is not None

    def surest(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = network(torch.from_numpy(x).float()).double().numpy()
        return log_softmax(logits / 10, 1).max(1)

    x = toy.inputs.double().numpy()
    steps = 0.003 * np.eye(x.shape[1])
    slope = np.stack([surest(x + h) - surest(x - h) for h in steps], 1)
    found = ODIN(temperature=10.0, step=0.05).score({}, toy)
    after = np.exp(surest(x + 0.05 * np.sign(slope)))
    np.testing.assert_allclose(found, (1 - after) / after, rtol=1e-4)


def test_the_step_makes_the_model_surer() -> None:
    toy = blobs().between
    still, moved = (ODIN(10.0, step).score({}, toy) for step in (0.0, 0.05))
    assert bool((moved < still).all())


def test_a_thousand_classes_do_not_tie_at_a_high_temperature() -> None:
    """There one minus the largest probability is 0.999 with seven digits."""
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(1000, 4, generator=source)
    inputs = torch.randn(300, 4, generator=source)
    outputs = Outputs(inputs=inputs, network=lambda rows: rows @ weight.T)
    scores = ODIN().score({}, outputs)
    assert len(scores.unique()) >= 299


def test_images_are_welcome() -> None:
    inputs = torch.rand(3, 1, 2, 2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    assert ODIN().score({}, Outputs(inputs=inputs, network=network)).shape == (3,)


def test_only_small_steps_on_real_numbers() -> None:
    whole = Outputs(inputs=torch.ones(2, 2, dtype=torch.int64), network=linear)
    told = complaint(lambda: ODIN().score({}, whole))
    assert told is not None
    assert "int64" in told
    assert complaint(lambda: ODIN().score({}, Outputs(inputs=torch.ones(2, 2))))
