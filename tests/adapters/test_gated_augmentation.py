"""Gated augmentation: whom it asks again, and what it makes of the answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError


def echo() -> nn.Linear:
    """Logits are the inputs."""
    model = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
    return model


def test_only_unsure_inputs_are_asked_again_and_averaged() -> None:
    """(5, 0) is sure. (0.1, 0) is not: its one rewriting is (2.1, 0)."""
    asked = []

    def further(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        asked.append(len(x))
        return x + torch.tensor([2.0, 0.0])

    x = torch.tensor([[5.0, 0.0], [0.1, 0.0]])
    adapter = gg.adapters.GatedAugmentation(echo(), augment=further, views=1)
    answer = adapter.predict(x)
    expected = (x[1].softmax(0) + torch.tensor([2.1, 0.0]).softmax(0)) / 2
    assert asked == [1]
    assert adapter.forwards == 3
    assert torch.equal(answer[0], x[0])
    torch.testing.assert_close(answer[1].exp(), expected)


def test_without_a_gate_all_are_asked_again() -> None:
    adapter = gg.adapters.GatedAugmentation(echo(), gate=0.0, views=3)
    adapter.predict(torch.randn(10, 2, generator=torch.Generator().manual_seed(0)))
    assert adapter.forwards == 40


def test_a_rewriting_that_loses_examples_is_told() -> None:
    adapter = gg.adapters.GatedAugmentation(echo(), augment=lambda x, _: x[:1], gate=0.0)
    with pytest.raises(UsageError, match="2 went in, 1 came out"):
        adapter.predict(torch.ones(2, 2))
