"""Neuro-modulated Hebbian learning: Oja's rule summed by hand, also for a convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gengap as gg
from gengap.adapters.hebbian import oja
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


def test_the_rule_is_the_sum_over_examples() -> None:
    weight = torch.tensor([[1.0, 0.0], [0.5, 0.5]], requires_grad=True)
    x = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [0.0, 1.0]])
    expected = torch.zeros(2, 2)
    for row in x:
        u = weight.detach() @ row
        y = (u / 0.5).softmax(0)
        for k in range(2):
            expected[k] += y[k] * (row - u[k] * weight.detach()[k]) / 3
    torch.testing.assert_close(oja(weight, x @ weight.T, 0.5), expected)


def test_a_convolution_learns_from_all_its_places() -> None:
    toy = adapter_toy("images-groupnorm")
    adapter = gg.adapters.Hebbian(toy.model, rate=0.1)
    weight = toy.model[0].weight.detach()
    patches = F.unfold(toy.x, 3, padding=1).transpose(1, 2).flatten(0, 1)
    u = patches @ weight.flatten(1).T
    y = u.softmax(1)
    step = (y.T @ patches - (y * u).sum(0)[:, None] * weight.flatten(1)) / len(patches)
    moved = weight.flatten(1) + 0.1 * step
    moved *= (weight.flatten(1).norm(dim=1) / moved.norm(dim=1))[:, None]
    adapter.predict(toy.x)
    torch.testing.assert_close(adapter.layer.weight.flatten(1), moved, rtol=1e-4, atol=1e-5)


def test_gains_descend_the_entropy() -> None:
    """The first step of Adam is the learning rate against the sign of the gradient."""
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.Hebbian(toy.model, learning_rate=0.01)
    gain = torch.ones(8, requires_grad=True)
    logits = toy.model[4](F.relu(toy.model[0](toy.x) * gain))
    entropy = torch.distributions.Categorical(logits=logits).entropy().mean()
    (slope,) = torch.autograd.grad(entropy, gain)
    adapter.predict(toy.x)
    torch.testing.assert_close(adapter.gain.detach(), 1 - 0.01 * slope.sign(), rtol=1e-4, atol=1e-5)


def test_a_linear_model_has_no_first_layer() -> None:
    with pytest.raises(UsageError, match="no hidden layer"):
        gg.adapters.Hebbian(nn.Linear(2, 2))
