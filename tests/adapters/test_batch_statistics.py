"""Batch normalisation by the batch: PyTorch's own in training mode, and blends by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


@pytest.mark.parametrize("kind", ["rows-batchnorm", "images-batchnorm", "volumes-batchnorm"])
def test_without_a_prior_it_is_pytorchs_training_mode(kind: str) -> None:
    toy = adapter_toy(kind)
    found = gg.adapters.BatchStatistics(toy.model, prior=0.0).predict(toy.x)
    own = copy.deepcopy(toy.model).train()
    with torch.no_grad():
        torch.testing.assert_close(found, own(toy.x), rtol=1e-4, atol=1e-5)


def test_a_large_prior_is_the_model_itself() -> None:
    toy = adapter_toy("images-batchnorm")
    found = gg.adapters.BatchStatistics(toy.model, prior=1e9).predict(toy.x)
    with torch.no_grad():
        torch.testing.assert_close(found, toy.model(toy.x), rtol=1e-4, atol=1e-5)


def test_a_blend_by_hand() -> None:
    """Training: mean 0, variance 1. Batch 3, 5: mean 4, variance 1. With N = n = 2 the mean is 2
    and the variance 1, so 3 and 5 become 1 and 3."""
    layer = nn.Sequential(nn.BatchNorm1d(1, eps=0.0)).eval()
    found = gg.adapters.BatchStatistics(layer, prior=2.0).predict(torch.tensor([[3.0], [5.0]]))
    assert found.tolist() == [[pytest.approx(1.0)], [pytest.approx(3.0)]]


def test_a_model_without_batch_normalisation_is_refused() -> None:
    with pytest.raises(UsageError, match="needs batch normalisation"):
        gg.adapters.BatchStatistics(adapter_toy("tokens-layernorm").model)


def test_a_layer_with_two_names_is_replaced_under_both() -> None:
    """Without a prior and in training mode the network says the same."""
    torch.manual_seed(0)
    layer, x = nn.BatchNorm1d(3), 2 + 3 * torch.randn(8, 3)
    network = nn.Sequential(nn.Linear(3, 3), layer, nn.ReLU(), nn.Linear(3, 3), layer)
    adapter = gg.adapters.BatchStatistics(network, prior=0)
    torch.testing.assert_close(adapter.predict(x), network.train()(x).detach())
