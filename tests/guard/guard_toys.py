"""A toy detector and toy problems for the tests of guards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from gengap.detectors.base import Detector, Fitted
from gengap.models.outputs import Outputs, features_of

CENTRES = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 3], [3, 3, 0]])


@dataclass(frozen=True)
class Distance(Detector):
    """Distance from the mean of the training features, rounded so that scores tie."""

    step: float = 0.0

    def fit(self, train: Outputs) -> Fitted:
        return {"mean": features_of(train).mean(0)}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        distance = (features_of(outputs) - fitted["mean"]).norm(dim=1)
        return (distance / self.step).floor() if self.step else distance


@dataclass(frozen=True)
class Blind(Detector):
    """Knows nothing."""

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return torch.zeros(len(outputs))


@dataclass(frozen=True)
class Broken(Detector):
    """Gives scores that are not numbers."""

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        return torch.full((len(outputs),), float("nan"))


def blobs(rows: int, seed: int = 0, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Four overlapping classes in three dimensions."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(CENTRES), rows)
    return CENTRES[y] + spread * rng.normal(size=(rows, 3)), y


def classifier() -> LogisticRegression:
    """Trained on other examples than the tests use."""
    return LogisticRegression().fit(*blobs(300, seed=99))


def network() -> nn.Sequential:
    """Random but for its size: 3 inputs, 4 classes."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4))
