"""LAME: its fixed point, found otherwise; its objective; and examples alone."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import brentq

import gengap as gg
from gengap.adapters.lame import adjusted, affinity
from gengap.base.errors import UsageError
from gengap.models.networks import Output
from gengap.testing import adapter_toy


def test_two_near_examples_agree_where_the_equation_says() -> None:
    """Twins with logits (a, 0) have one unknown, t = r_1 - r_2 = tanh((a + t) / 2)."""
    a = 0.3
    t = brentq(lambda t: t - math.tanh((a + t) / 2), 0, 1)
    found = adjusted(torch.tensor([[a, 0.0], [a, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert (found[:, 0] - found[:, 1]).tolist() == pytest.approx([t, t], abs=1e-5)


def test_the_answers_are_a_fixed_point_below_the_start() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.LAME(toy.model)
    features, logits = adapter.forward(toy.x)
    near = affinity(features, 5)
    r, q = adapter.predict(toy.x).exp(), logits.softmax(1)
    torch.testing.assert_close(r, (logits + near @ r).softmax(1), atol=1e-5, rtol=0)

    def objective(r: torch.Tensor) -> float:
        agreement = (near * (r @ r.T)).sum() / 2
        return float((r * (r / q).log()).sum() - agreement)

    assert objective(r) < objective(q) - 0.1


def test_affinities_of_a_line_by_hand() -> None:
    """Directions at 0, 10 and 90 degrees with one neighbour each: 0 and 10 choose each other, 90
    chooses 10, who does not choose it."""
    angles = torch.tensor([0.0, 10.0, 90.0]).deg2rad()
    found = affinity(torch.stack([angles.cos(), angles.sin()], 1), 1)
    assert found.tolist() == [[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]]


def test_an_example_alone_keeps_its_answer() -> None:
    toy = adapter_toy("rows-plain")
    found = gg.adapters.LAME(toy.model).predict(toy.x[:1])
    with torch.no_grad():
        torch.testing.assert_close(found.softmax(1), toy.model(toy.x[:1]).softmax(1))


def test_features_of_whole_sequences_are_too_few_for_logits_of_tokens() -> None:
    class Pooled(torch.nn.Linear):
        def forward(self, x):
            return Output(x.mean(1), super().forward(x))

    adapter = gg.adapters.LAME(Pooled(3, 4))
    with pytest.raises(UsageError, match="LAME needs features of every token"):
        adapter.predict(torch.zeros(2, 5, 3))
