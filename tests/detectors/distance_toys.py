"""Correlated features of three classes, as outputs of a model that was never run."""

from __future__ import annotations

import numpy as np
import torch

from gengap.models.outputs import Outputs

CLASSES, FEATURES = 3, 6


def three_classes(n: int = 90, seed: int = 0) -> Outputs:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    means = np.random.default_rng(7).normal(size=(CLASSES, FEATURES)) * 3
    mix = np.random.default_rng(8).normal(size=(FEATURES, FEATURES))
    features = means[labels] + rng.normal(size=(n, FEATURES)) @ mix + 5
    return Outputs(
        features=torch.tensor(features, dtype=torch.float32), labels=torch.tensor(labels)
    )


def strangers(n: int = 20) -> Outputs:
    rng = np.random.default_rng(9)
    return Outputs(features=torch.tensor(rng.normal(size=(n, FEATURES)) * 20, dtype=torch.float32))


def arrays(outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Features in double precision, and labels or an empty array."""
    assert outputs.features is not None
    labels = np.empty(0) if outputs.labels is None else outputs.labels.numpy()
    return outputs.features.double().numpy(), labels


def within(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class means, and deviations from them."""
    means = np.stack([features[labels == c].mean(0) for c in np.unique(labels)])
    return means, features - means[labels]
