"""Correlated features of three classes, as outputs of a model that was never run.

And the covariances that detectors should find in them, by leaving out every example in turn.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import multivariate_normal

from gengap.models.outputs import Outputs

CLASSES, FEATURES = 3, 6
FURTHER = 10.0 ** np.linspace(-3, 6, 19)


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
    classes, codes = np.unique(labels, return_inverse=True)
    means = np.stack([features[labels == c].mean(0) for c in classes])
    return means, features - means[codes]


def likeliest(features: np.ndarray, groups: np.ndarray, target: np.ndarray, own: bool) -> float:
    """Number of further examples that showed ``target`` under which the left-out are likeliest.

    Args:
        features: ``(n, d)``.
        groups: ``(n,)`` classes.
        target: ``(d, d)``.
        own: each class has a scatter of its own, or one is shared by all.
    """
    found = []
    for further in FURTHER:
        total = 0.0
        for i, row in enumerate(features):
            kept = np.arange(len(features)) != i
            if own:
                kept &= groups == groups[i]
            if not (groups[kept] == groups[i]).any():
                continue
            means, centred = within(features[kept], groups[kept])
            freedom = kept.sum() - len(means)
            covariance = (centred.T @ centred + further * target) / (freedom + further)
            mean = means[np.unique(groups[kept]).tolist().index(groups[i])]
            total += multivariate_normal(mean, covariance).logpdf(row)
        found.append(total)
    return float(FURTHER[np.argmax(found)])


def drawn(scatter: np.ndarray, freedom: int, target: np.ndarray, further: float) -> np.ndarray:
    return (scatter + further * target) / (freedom + further)


def shared_covariance(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Covariance within classes, drawn towards its diagonal."""
    means, centred = within(features, labels)
    scatter, freedom = centred.T @ centred, len(features) - len(means)
    target = np.diag(np.diag(scatter) / freedom)
    return drawn(scatter, freedom, target, likeliest(features, labels, target, own=False))
