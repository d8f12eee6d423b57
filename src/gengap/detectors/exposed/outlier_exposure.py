"""Outlier exposure: be unsure of examples that are known to be strange.

Plain training says nothing about the logits away from the training data. Outlier exposure adds
auxiliary outliers ``x'``, of any kind that is at hand, and asks for the uniform prediction there,

    min_θ  E -log p_y(x)  +  λ E -(1/C) Σ_c log p_c(x'),

whose second term is ``log Σ_c exp(z_c) - mean_c z_c`` and is smallest, ``log C``, where all logits
are equal. Strangeness is then read from the probabilities (``msp``) or any other detector.

Helps when the outliers resemble the strangers to come, or surround the inliers. Hurts accuracy
when they overlap with the inliers, and gives little against strangers near to the inliers when
all outliers are far (see mixture exposure), or when few of many outliers are of use (see diverse
outliers). What it gained on digits: docs/results.md.

Hendrycks, Mazeika, Dietterich: Deep anomaly detection with outlier exposure. ICLR 2019,
arXiv:1812.04606.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.detectors.exposed.descent import Draw, Schedule, both, checked, trained


def outlier_exposure(
    model: nn.Module,
    inliers: Tensor,
    labels: Tensor,
    outliers: Tensor,
    *,
    weight: float = 0.5,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
    seed: int = 0,
) -> nn.Module:
    """Train a copy of a network to be unsure of outliers.

    Args:
        model: network that returns logits ``(n, C)``, trained or not.
        inliers: ``(n, ...)`` inputs.
        labels: ``(n,)`` class numbers from 0.
        outliers: ``(m, ...)`` inputs of none of the classes.
        weight: weight ``λ`` of the outliers' loss; 0 is plain training at the same compute.

    Raises:
        UsageError: as :func:`gengap.detectors.exposed.descent.checked`.
    """
    examples = checked(model, inliers, labels, outliers)

    def loss(network: nn.Module, draw: Draw) -> Tensor:
        known, strange = both(network, draw)
        return F.cross_entropy(known, draw.labels) + weight * uniform_loss(strange)

    return trained(model, examples, loss, schedule, seed=seed, purpose="outlier exposure")


def uniform_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy from the uniform distribution to the softmax of logits ``(n, C)``.

    >>> uniform_loss(torch.zeros(3, 4))     # log 4
    tensor(1.3863)
    """
    return (torch.logsumexp(logits, 1) - logits.mean(1)).mean()
