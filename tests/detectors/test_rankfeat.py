"""The rank-1 part by NumPy's singular values, and an example by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gengap.detectors.rankfeat import RankFeat, without_first
from gengap.detectors.registry import detector_info
from gengap.models.reading import outputs_of


@pytest.mark.parametrize("shape", [(5, 3, 7), (5, 7, 3), (5, 4, 4)])
def test_what_is_left_is_what_the_singular_values_leave(shape: tuple[int, ...]) -> None:
    maps = np.random.default_rng(0).normal(size=shape)
    u, s, v = np.linalg.svd(maps, full_matrices=False)
    expected = np.einsum("nck,nk,nkp->ncp", u[:, :, 1:], s[:, 1:], v[:, 1:])
    found = without_first(torch.tensor(maps, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def convolutional() -> nn.Sequential:
    """Channels as they are, averaged, and logits (a, 4 b) of the two averages."""
    network = nn.Sequential(
        nn.Conv2d(2, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)
    )
    with torch.no_grad():
        for layer, weight in ((network[0], torch.eye(2)), (network[3], torch.tensor([1.0, 4.0]))):
            layer.bias.zero_()
            layer.weight.copy_(
                (weight if weight.dim() == 2 else weight.diag()).view_as(layer.weight)
            )
    return network


def test_a_map_by_hand() -> None:
    # Channels (3, 0) and (0, 2): without the larger, the averages are 0 and 1.
    inputs = torch.tensor([[[[3.0, 0.0]], [[0.0, 2.0]]]])
    outputs = outputs_of(convolutional(), inputs)
    assert outputs.logits is not None
    assert outputs.logits.tolist() == [[1.5, 4.0]]
    found = RankFeat().score({}, outputs)
    assert found.item() == pytest.approx(-math.log(1 + math.exp(4)), rel=1e-6)


class Shared(nn.Module):
    """One activation, run after both convolutions; the second one's map is the last."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.act = nn.BatchNorm2d(2), nn.ReLU()
        self.first, self.second = nn.Conv2d(2, 3, 1), nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.second(self.act(self.first(self.scale(x)))))
        return self.head(x.mean((2, 3)))


@torch.no_grad()
def test_only_the_last_map_is_changed() -> None:
    torch.manual_seed(0)
    model = Shared()
    inputs = torch.randn(6, 2, 3, 3)
    outputs = outputs_of(model, inputs)
    assert outputs.maps is not None
    assert model.training
    model.eval()
    maps = model.act(model.second(model.act(model.first(model.scale(inputs)))))
    expected = model.head(-2 * maps.mean((2, 3)))
    torch.testing.assert_close(outputs.maps(inputs, lambda rows: -2 * rows), expected)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(
            nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(18, 4), nn.ReLU(), nn.Linear(4, 2)
        ),
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)),
    ],
    ids=["a normalised image is none", "a single position is none"],
)
def test_models_without_maps_are_told(model: nn.Module) -> None:
    outputs = outputs_of(model, torch.randn(6, 2, 3, 3))
    told = detector_info("rankfeat").why_not("classification", outputs)
    assert told == "rankfeat needs the model's maps, which this model does not show"
