"""STAMP: who joins its memory, what weighs there, and that strangers stay out."""

from __future__ import annotations

import math

import pytest
import torch

import gengap as gg
from gengap.adapters.stamp import self_weighted
from gengap.testing import adapter_toy


def test_surer_entries_weigh_more() -> None:
    """Entropies 0 and log 3 weigh 3/4 and 1/4; the weights carry no gradient."""
    entropy = torch.tensor([0.0, math.log(3)], requires_grad=True)
    loss = self_weighted(entropy)
    assert float(loss.detach()) == pytest.approx(math.log(3) / 4)
    loss.backward()
    assert entropy.grad.tolist() == pytest.approx([0.75, 0.25])


def memory(**settings: float) -> gg.adapters.STAMP:
    return gg.adapters.STAMP(adapter_toy("rows-batchnorm").model, **settings)


def test_reliable_and_consistent_examples_join_class_by_class() -> None:
    """Two entries a class. Row 0 and 3 join; row 1 changes its class; row 2 is unsure; then of
    class 0 the surest two stay."""
    adapter = memory(capacity=6)
    x = torch.arange(4.0)[:, None].expand(4, 6)
    logits = torch.tensor([[5.0, 0, 0], [5.0, 0, 0], [0.1, 0, 0], [0, 0, 7.0]])
    second = torch.tensor([[4.0, 0, 0], [0, 5.0, 0], [0.1, 0, 0], [0, 0, 7.0]])
    adapter._remember(x, logits, second)
    assert adapter.kept[:, 0].tolist() == [0, 3]
    further = torch.tensor([[6.0, 0, 0], [9.0, 0, 0]])
    adapter._remember(x[:2] + 10, further, further)
    assert adapter.kept[:, 0].tolist() == [3, 10, 11]


def test_the_memory_is_bounded_and_balanced() -> None:
    toy = adapter_toy("rows-batchnorm")
    adapter = memory(capacity=12)
    for _ in range(5):
        adapter.predict(toy.x)
    counts = torch.bincount(adapter.classes, minlength=3)
    assert int(counts.max()) <= 4
    assert len(adapter.kept) == len(adapter.entropy) == int(counts.sum())


def test_strangeness_is_the_entropy_of_the_answer() -> None:
    toy = adapter_toy("rows-batchnorm")
    adapter = memory()
    chances = adapter.predict(toy.x).exp()
    expected = torch.distributions.Categorical(probs=chances).entropy()
    torch.testing.assert_close(adapter.strangeness, expected, atol=1e-5, rtol=1e-4)
