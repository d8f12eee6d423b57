"""Input prompts: an offset is learned back from a few examples, and nothing else moves."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


def test_an_offset_is_learned_back_from_known_examples() -> None:
    """Least squares through a fixed linear map: the prompt takes the offset back."""
    model = torch.nn.Linear(3, 1)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        y = model(x)[:, 0]
    adapter = gg.adapters.InputPrompt(model, learning_rate=0.05)
    adapter.learn(x + 2.0, y, steps=200)
    found = adapter.forward(adapter.prompt.added(x + 2.0)).logits[:, 0]
    torch.testing.assert_close(found, y, atol=1e-2, rtol=0)
    assert (adapter.forwards, adapter.backwards) == (200 * 40 + 40, 200 * 40)


def test_a_step_follows_the_gradient_by_the_inputs() -> None:
    """The gradient by the prompt is the sum of those by the inputs; Adam's first step its sign."""
    toy = adapter_toy("signals-groupnorm")
    x = toy.x.clone().requires_grad_(True)
    chances = toy.model(x).softmax(1)
    mean = chances.mean(0)
    loss = -(chances * chances.log()).sum(1).mean() + (mean * mean.log()).sum()
    (slope,) = torch.autograd.grad(loss, x)
    adapter = gg.adapters.InputPrompt(toy.model, learning_rate=0.01)
    adapter.predict(toy.x)
    expected = -0.01 * slope.sum(0).sign()
    torch.testing.assert_close(adapter.prompt.value.detach(), expected, rtol=1e-3, atol=1e-4)


def test_tokens_are_prompted_behind_their_embedding() -> None:
    toy = adapter_toy("tokens-layernorm")
    adapter = gg.adapters.InputPrompt(toy.model)
    adapter.predict(toy.x)
    value = adapter.prompt.value.detach()
    assert value.shape == (8,)
    found = adapter.forward(toy.x).logits
    layers = toy.model
    rows = F.embedding(toy.x, layers[0].weight) + value
    for layer in layers[1:]:
        rows = layer(rows)
    torch.testing.assert_close(found, rows)
    assert all(not p.requires_grad for p in adapter.model.parameters())


@pytest.mark.parametrize("name", ["InputPrompt", "TeacherStudent"])
def test_inputs_of_another_shape_are_told(name: str) -> None:
    network = nn.Sequential(
        nn.Conv1d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    adapter = getattr(gg.adapters, name)(network)
    adapter.predict(torch.randn(8, 1, 10))
    with pytest.raises(UsageError, match=r"learned for inputs of shape \(1, 10\)"):
        adapter.predict(torch.randn(8, 1, 12))
    adapter.reset()
    assert adapter.predict(torch.randn(8, 1, 12)).shape == (8, 3)
