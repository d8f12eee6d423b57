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


class HeadFirst(nn.Module):
    """Its last layer is the first that it has, and between them is one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.unused, self.body = nn.Linear(5, 3), nn.Linear(4, 4), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.body(x)))


def test_the_first_layer_is_the_one_that_runs_first() -> None:
    torch.manual_seed(0)
    network, x = HeadFirst(), torch.randn(6, 4)
    adapter = gg.adapters.Hebbian(network, rate=0.1)
    for _ in range(2):
        adapter.predict(x)
        moved = {
            name for name, p in adapter.model.named_parameters()
            if not torch.equal(p, network.get_parameter(name))
        }  # fmt: skip
        assert moved == {"body.weight"}
        assert adapter.gain.shape == (5,)
        adapter.reset()


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(x, x, x)[0].mean(1))


@pytest.mark.parametrize("name", ["Hebbian", "ActMAD"])
def test_attention_is_no_layer_that_can_be_watched(name: str) -> None:
    x = torch.randn(6, 5, 4)
    source = gg.adapters.Source(x, torch.arange(6) % 3, torch.zeros(6))
    with pytest.raises(UsageError, match="hidden layer"):
        getattr(gg.adapters, name)(Attending(), source=source).predict(x)


def test_a_weight_that_is_made_of_others_cannot_learn() -> None:
    made = nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))
    with pytest.raises(UsageError, match="no hidden layer"):
        gg.adapters.Hebbian(nn.Sequential(made, nn.ReLU(), nn.Linear(5, 3)))
