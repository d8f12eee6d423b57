"""Mahalanobis distance: how many standard deviations from the nearest class.

Take the features of each class as Gaussian with its own mean m_c and one covariance S for all, the
model behind linear discriminant analysis, whose class posteriors are exactly a softmax layer. The
log-density of the nearest class is then, up to a constant and a sign,

    min_c (x - m_c)' S⁻¹ (x - m_c),

which counts a deviation along directions in which training examples hardly vary as large.

Helps with strangers off the classes' common directions, which logits cannot see. Hurts when classes
differ in spread or the features are far from Gaussian, and for strangers that resemble the known
classes: directions shared by all classes then drown the few that matter (see relative-mahalanobis).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.training import classes_of, training_features
from gengap.detectors.tools.whitening import fit_whitening, nearest_squared, whiten
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "mahalanobis",
    summary="distance to the nearest class mean in standard deviations shared by all classes",
    paper=Paper(
        "A simple unified framework for detecting out-of-distribution samples and adversarial "
        "attacks",
        "Lee, Lee, Lee, Shin",
        2018,
        "https://arxiv.org/abs/1807.03888",
    ),
    needs=("features", "labels"),
    cost="one product with a (d, d) matrix",
)
@dataclass(frozen=True)
class Mahalanobis(Detector):
    """Squared Mahalanobis distance to the nearest class mean."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Class means and the covariance within classes."""
        return fit_whitening(training_features(train), classes_of(train))

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Squared distance, in squared standard deviations."""
        return by_rows(
            lambda rows: nearest_squared(whiten(rows, fitted), fitted["means"]),
            features_of(outputs),
        )
