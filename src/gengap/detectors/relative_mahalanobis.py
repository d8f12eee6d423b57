"""Relative Mahalanobis distance: further from every class than from the data as a whole.

Most directions of a feature space carry no class information, and there every class is as near or
as far as every other. Their share of the squared Mahalanobis distance M_c is noise that hides
strangers close to the known classes. A background Gaussian, fitted to all examples at once, has the
same share, so the log-density ratio of class and background is free of it:

    min_c M_c(x) - M_0(x),      M_0(x) = (x - m)' S_0⁻¹ (x - m),

with m and S_0 the mean and covariance of all training examples.

Helps where mahalanobis fails: strangers near the known classes. Hurts for strangers far out along
directions common to all classes, which are forgiven by the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.mahalanobis import fit_classes
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.training import training_features
from gengap.detectors.tools.whitening import fit_whitening, nearest_squared, whiten
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "relative-mahalanobis",
    summary="distance to the nearest class mean less the distance to the data as a whole",
    paper=Paper(
        "A simple fix to Mahalanobis distance for improving near-OOD detection",
        "Ren, Fort, Liu, Roy, Padhy, Lakshminarayanan",
        2021,
        "https://arxiv.org/abs/2106.09022",
    ),
    needs=("features", "labels"),
    cost="two products with a (d, d) matrix",
)
@dataclass(frozen=True)
class RelativeMahalanobis(Detector):
    """Squared Mahalanobis distance to the nearest class less that to the background."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Class means, the covariance within classes and the covariance of all examples."""
        features = training_features(train)
        background = fit_whitening(features, features - features.mean(0), "background_")
        return fit_classes(train) | background

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Difference of squared distances; negative for typical examples."""

        def difference(rows: Tensor) -> Tensor:
            nearest = nearest_squared(whiten(rows, fitted), fitted["means"])
            return nearest - whiten(rows, fitted, "background_").square_().sum(1)

        return by_rows(difference, features_of(outputs))
