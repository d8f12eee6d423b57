"""A small untrained network and three blobs with outliers between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gengap.detectors.base import Detector
from gengap.models.reading import outputs_of
from gengap.statistics.separation.metrics import auroc

__all__ = ["auroc", "network", "separated", "toy"]


def network(outputs: int = 3, seed: int = 0) -> nn.Sequential:
    """Six inputs, sixteen hidden units, ``outputs`` logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs)).eval()


def toy(rows: int = 90, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Inliers ``(rows, 6)`` around three corners, their labels, and strangers around 0."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 3
    inliers = 3 * torch.eye(3, 6)[labels] + torch.randn(rows, 6, generator=source) / 2
    return inliers, labels, torch.randn(rows, 6, generator=source) / 2


def separated(model: nn.Module, detector: Detector) -> float:
    """AUROC of a detector that needs no fitting, for new strangers against new inliers."""
    inliers, _, strangers = toy(seed=1)
    scores = [detector.score({}, outputs_of(model, rows)) for rows in (inliers, strangers)]
    return auroc(*scores)
