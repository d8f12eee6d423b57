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
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.outliers import both
from gengap.methods.registry import ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network


@register(
    "outlier-exposure",
    summary="asks for the uniform prediction on outliers",
    paper=Paper(
        "Deep anomaly detection with outlier exposure",
        "Hendrycks, Mazeika, Dietterich",
        2019,
        "https://arxiv.org/abs/1812.04606",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, OUTLIERS),
    passes=2.0,
)
@dataclass(frozen=True)
class OutlierExposure(Method):
    """Uniform on outliers; with ``weight`` 0 plain training at twice the cost."""

    weight: float = hyperparameter(0.5, 0.1, 5.0, log=True, help="weight of the outliers' loss")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the weighted loss on outliers."""
        known, strange = both(network, batch)
        return batch.risks(known).mean(1) + self.weight * uniform_loss(strange)


def uniform_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy from the uniform distribution to the softmax, ``(n, C)`` to ``()``.

    Leading axes stay, ``(R, n, C)`` to ``(R,)``.

    >>> uniform_loss(torch.zeros(3, 4))     # log 4
    tensor(1.3863)
    """
    return (torch.logsumexp(logits, -1) - logits.mean(-1)).mean(-1)
