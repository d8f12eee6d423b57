"""Cut networks against the same with zeros, and against training in which these stay."""

from __future__ import annotations

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.models.networks import MLP
from gengap.models.subnetworks import Subnetwork, largest


def test_the_largest_weights_of_each_layer_are_kept():
    weight, bias = torch.tensor([[3.0, -4.0], [0.5, 1.0]]), torch.tensor([[0.1, 0.2]])
    kept = largest({"weight": weight, "bias": bias}, 0.5)
    assert kept["weight"].tolist() == [[1, 1], [0, 0]]
    assert kept["bias"].tolist() == [[1, 1]]
    with pytest.raises(UsageError, match="share of weights"):
        largest({}, 0)


def test_what_is_cut_off_is_zero_and_has_no_gradient():
    inner = MLP((5,))
    whole = inner.initialise((3,), 2, 7)
    kept = largest(whole, 0.4)
    cut = Subnetwork(inner, 0.5, kept)
    begun = cut.initialise((3,), 2, 7)
    for name, value in whole.items():
        assert torch.equal(begun[name], 0.5 * kept[name] * value)
    stacked = {name: value[None].clone().requires_grad_() for name, value in whole.items()}
    x = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0))
    said = cut.forward(stacked, x).logits
    zeroed = {name: (kept[name] * value)[None] for name, value in whole.items()}
    torch.testing.assert_close(said, inner.forward(zeroed, x).logits)
    slopes = torch.autograd.grad(said.square().sum(), list(stacked.values()))
    for (name, mask), slope in zip(kept.items(), slopes, strict=True):
        assert bool((slope[0][mask == 0] == 0).all()), name


def test_names_differ_where_what_is_kept_does():
    whole = MLP((5,)).initialise((3,), 2, 7)
    names = {Subnetwork(MLP((5,)), 1.0, largest(whole, share)).name for share in (0.3, 0.6)}
    assert len(names | {Subnetwork(MLP((5,))).name}) == 3


def test_what_is_kept_of_another_network():
    kept = {"weight0": torch.ones(4, 4)}
    with pytest.raises(UsageError, match="weight0 is of another shape"):
        Subnetwork(MLP((5,)), 1.0, kept).initialise((3,), 2, 7)
