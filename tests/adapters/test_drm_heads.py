"""The choice of heads by hand, and its two ends."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


class TwoHeads(nn.Module):
    """Head 0 knows nothing; head 1 says class 1 with odds 3."""

    def each_head(self, features: torch.Tensor) -> torch.Tensor:
        told = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]])
        return told.expand(len(features), 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.each_head(x).mean(1)


def test_a_choice_by_hand() -> None:
    unsure = math.log(2)
    sure = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    share = 1 / (1 + math.exp((sure - unsure) / 0.5))
    found = gg.adapters.DRMHeads(TwoHeads(), temperature=0.5).predict(torch.ones(1, 1)).exp()
    assert float(found[0, 1]) == pytest.approx(0.5 * (1 - share) + 0.75 * share)


def test_the_ends_are_the_surest_head_and_the_equal_mixture() -> None:
    toy = adapter_toy("rows-heads")
    with torch.no_grad():
        each = toy.model.each_head(toy.model.body(toy.x)).softmax(-1)
    entropy = -(each * each.log()).sum(-1)
    surest = each[torch.arange(len(each)), entropy.argmin(1)]
    cold = gg.adapters.DRMHeads(toy.model, temperature=1e-6).predict(toy.x).exp()
    warm = gg.adapters.DRMHeads(toy.model, temperature=1e6).predict(toy.x).exp()
    torch.testing.assert_close(cold, surest, atol=1e-4, rtol=0)
    torch.testing.assert_close(warm, each.mean(1), atol=1e-4, rtol=0)


def test_a_model_with_one_head_is_refused() -> None:
    with pytest.raises(UsageError, match="heads of environments"):
        gg.adapters.DRMHeads(nn.Linear(2, 2))
