"""NCI: near the weights of its class, as trained features come to be, and long.

Late in training the features of a class gather about its mean, and the means, measured from their
centre m, about the rows of the last layer (neural collapse). Strangers are off those directions
and short. With w the weights of the predicted class,

    s(x) = - w'(h - m) / ||h - m|| - a ||h||_1,

the source's measure of proximity, scaled by the weights' length, and a small part of the features'
size.

Source: L. Liu & Y. Qin, Detecting out-of-distribution through the lens of neural collapse, CVPR
2025, arXiv:2311.01479.

Helps networks trained long enough to collapse; one product an example. Hurts short training, and
far strangers along a class's direction, which count as typical.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.heads import head_of_fitted, kept_head
from gengap.detectors.tools.moments import column_means
from gengap.detectors.tools.outputs import bounded, known_features
from gengap.models.outputs import Outputs, features_of, head_of


@register_detector(
    "nci",
    summary="off the weights of the predicted class, and short",
    paper=Paper(
        "Detecting out-of-distribution through the lens of neural collapse",
        "Liu, Qin",
        2023,
        "https://arxiv.org/abs/2311.01479",
    ),
    needs=("features", "head"),
    cost="one pass through the last layer",
)
@dataclass(frozen=True)
class Nci(Detector):
    """Proximity to the weights of the predicted class, and the features' length."""

    length: float = hyperparameter(
        0.001, 1e-5, 0.1, log=True, help="weight of the features' length"
    )

    def fit(self, train: Outputs) -> Fitted:
        """The mean of the training features, and the last layer."""
        return {"mean": column_means(known_features(train))} | kept_head(head_of(train))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus proximity and weighted length."""
        head = head_of_fitted(fitted)

        def strangeness(rows: Tensor) -> Tensor:
            rows = bounded(rows)
            apart = rows - fitted["mean"]
            toward = (head.weight[head(rows).argmax(1)] * apart).sum(1)
            proximity = toward / apart.norm(dim=1).clamp_min(1e-30)
            return -proximity - self.length * rows.abs().sum(1)

        return by_rows(strangeness, features_of(outputs))
