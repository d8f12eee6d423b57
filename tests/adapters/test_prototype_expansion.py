"""Prototype expansion: its threshold by brute force, strangers by hand, gradients that fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import gengap as gg
from gengap.adapters.prototype_expansion import split
from gengap.testing import adapter_toy


def test_the_threshold_has_the_least_variance_within() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0.1, 0.05, 40), rng.normal(0.7, 0.1, 15)])

    def within(edge: float) -> float:
        low, high = scores[scores <= edge], scores[scores > edge]
        return len(low) * low.var() + len(high) * high.var()

    best = min((s for s in scores if s < scores.max()), key=within)
    found = split(torch.from_numpy(scores))
    assert within(found) == pytest.approx(within(best))
    assert 0.25 < found < 0.6


def plane() -> nn.Sequential:
    """Features are the inputs; the second layer is the head."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        for layer in model:
            layer.weight.copy_(torch.eye(2))
    return model


def test_strangers_become_prototypes_once() -> None:
    """Classes lie at 0 and 90 degrees. Of strangers at 180, 181 and 270 degrees the second is no
    stranger to the first."""
    source = gg.adapters.Source(torch.eye(2), torch.tensor([0, 1]), torch.zeros(2))
    adapter = gg.adapters.PrototypeExpansion(plane(), source=source)
    angles = torch.tensor([1.0, 89.0, 2.0, 88.0, 180.0, 181.0, 270.0]).deg2rad()
    answer = adapter.predict(torch.stack([angles.cos(), angles.sin()], 1))
    torch.testing.assert_close(adapter.prototypes, torch.eye(2))
    found = torch.rad2deg(torch.atan2(adapter.strangers[:, 1], adapter.strangers[:, 0])) % 360
    assert found.tolist() == pytest.approx([180, 270], abs=0.1)
    assert answer.argmax(1)[:4].tolist() == [0, 1, 0, 1]
    assert adapter.strangeness[4:].min() > 0.9 > 0.1 > adapter.strangeness[:4].max()


def test_what_is_as_in_training_is_not_apart() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.PrototypeExpansion(toy.model, source=toy.source)
    rows = nn.functional.normalize(adapter.forward(toy.source.x).features.detach(), dim=1)
    assert float(adapter._apart(rows)) == pytest.approx(0, abs=1e-6)
    assert float(adapter._apart(rows + 0.1)) > 1e-3
