"""Quantile alignment: increasing changes are undone, codes are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.adapters.quantile_alignment import quantiles, ranks
from gengap.base.errors import UsageError


def same() -> nn.Linear:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
        model.bias.zero_()
    return model


def test_an_increasing_change_is_undone() -> None:
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    source = gg.adapters.Source(x, torch.zeros(200), torch.zeros(200))
    adapter = gg.adapters.QuantileAlignment(same(), source=source, prior=0.0)
    torch.testing.assert_close(adapter.predict(torch.exp(x) + 5), x, atol=1e-4, rtol=1e-4)


def test_half_the_way_after_as_many_rows_as_the_prior() -> None:
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    source = gg.adapters.Source(x, torch.zeros(200), torch.zeros(200))
    adapter = gg.adapters.QuantileAlignment(same(), source=source, prior=200.0)
    torch.testing.assert_close(adapter.predict(x + 2), x + 1, atol=1e-4, rtol=1e-4)


def test_codes_stay() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    x[:, 1] = (x[:, 1] > 0).float()
    source = gg.adapters.Source(x, torch.zeros(50), torch.zeros(50))
    adapter = gg.adapters.QuantileAlignment(same(), source=source, prior=0.0)
    moved = x.clone()
    moved[:, 1] = 1.0
    assert torch.equal(adapter.predict(moved)[:, 1], torch.ones(50))


def test_ranks_and_quantiles_by_hand() -> None:
    """Of 1, 2, 2, 4 the value 2 has one below and one tie each side: (1 + 3)/8. The quantile at
    1/2 of 10, 20 lies in the middle, those at 1/4 and 3/4 are the values."""
    seen = torch.tensor([[1.0], [2.0], [2.0], [4.0]])
    assert ranks(seen, torch.tensor([[2.0], [0.0], [9.0]])).flatten().tolist() == [0.5, 0, 1]
    known = torch.tensor([[10.0], [20.0]])
    found = quantiles(known, torch.tensor([[0.5], [0.25], [0.75], [0.0], [1.0]]))
    assert found.flatten().tolist() == [15, 10, 20, 10, 20]


def test_images_are_no_table() -> None:
    images = gg.adapters.Source(torch.zeros(4, 1, 2, 2), torch.zeros(4), torch.zeros(4))
    with pytest.raises(UsageError, match="needs rows of a table"):
        gg.adapters.QuantileAlignment(same(), source=images)
