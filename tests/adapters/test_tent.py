"""Tent: its gradient by hand on a network of two units, and what it leaves alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


def two_units() -> nn.Sequential:
    """Inputs (n, 2), batch normalisation, and logits that are its two units."""
    network = nn.Sequential(nn.BatchNorm1d(2, eps=0.0), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, 2.0]))
        network[0].bias.copy_(torch.tensor([0.0, 0.5]))
        network[1].weight.copy_(torch.eye(2))
    return network.eval()


def test_the_gradient_is_that_by_hand() -> None:
    """Inputs +-1 have mean 0 and variance 1, so units are u = (+-1, +-1) and z = g u + b.

    With p = softmax(z), dH/dz_k = -p_k (log p_k + H); dz_k/dg_k = u_k and dz_k/db_k = 1.
    """
    units = [(1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)]
    scales, shifts = [0.0, 0.0], [0.0, 0.0]
    for first, second in units:
        z = (first, 2 * second + 0.5)
        total = math.exp(z[0]) + math.exp(z[1])
        p = [math.exp(v) / total for v in z]
        entropy = -sum(v * math.log(v) for v in p)
        for k, unit in enumerate((first, second)):
            slope = -p[k] * (math.log(p[k]) + entropy) / len(units)
            scales[k] += slope * unit
            shifts[k] += slope
    adapter = gg.adapters.Tent(two_units(), learning_rate=0.01)
    logits = adapter.predict(torch.tensor(units))
    layer = adapter.model[0]
    assert layer.weight.grad.tolist() == pytest.approx(scales, rel=1e-5)
    assert layer.bias.grad.tolist() == pytest.approx(shifts, rel=1e-5)
    assert logits[1].tolist() == pytest.approx([-1.0, 2.5])
    # The first step of Adam is the learning rate against the gradient's sign.
    moved = [1.0 - 0.01 * math.copysign(1, scales[0]), 2.0 - 0.01 * math.copysign(1, scales[1])]
    assert layer.weight.tolist() == pytest.approx(moved, rel=1e-4)


def test_only_scales_and_shifts_move() -> None:
    toy = adapter_toy("images-batchnorm")
    adapter = gg.adapters.Tent(toy.model)
    before = {name: p.clone() for name, p in adapter.model.named_parameters()}
    adapter.predict(toy.x)
    moved = {n for n, p in adapter.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"1.weight", "1.bias"}


def test_it_lowers_the_entropy_of_a_stream() -> None:
    from gengap.adapters.tools.softmax import entropies

    toy = adapter_toy("rows-batchnorm")
    adapter = gg.adapters.Tent(toy.model, learning_rate=0.01)
    found = [float(entropies(adapter.predict(toy.x)).mean()) for _ in range(10)]
    assert found[-1] < found[0]


def test_a_model_without_normalisation_is_refused() -> None:
    with pytest.raises(UsageError, match="the model has none"):
        gg.adapters.Tent(nn.Linear(2, 2))


def test_one_example_has_no_statistics() -> None:
    with pytest.raises(UsageError, match="need more than one example"):
        gg.adapters.Tent(two_units()).predict(torch.ones(1, 2))


def test_one_output_is_not_a_choice_of_classes() -> None:
    with pytest.raises(UsageError, match="one output"):
        gg.adapters.Tent(adapter_toy("values-batchnorm").model).predict(torch.ones(4, 6))


def test_a_wrong_setting_names_the_adapter() -> None:
    with pytest.raises(UsageError, match="Tent has no hyperparameter 'learning'"):
        gg.adapters.Tent(two_units(), learning=1.0)
