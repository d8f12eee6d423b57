"""Feature density: minus the logarithm of a mixture of Gaussians, one per class.

    -log p(x) = -log sum_c w_c N(x; m_c, S_c),      w_c the class's share of the training examples.

Unlike mahalanobis each class has its own covariance. Few examples do not determine one, so it is
drawn towards the covariance S within all classes as though d further examples, one per feature, had
shown exactly S:

    S_c = (n_c C_c + d S) / (n_c + d),       C_c the class's own, S Ledoit and Wolf's.

Discriminant analysis calls this regularised (J. H. Friedman, Regularized discriminant analysis,
JASA 84 (1989), 165-175). In regression there are no classes and one Gaussian takes all.

Helps when classes differ in spread, and in regression, where most detectors cannot be used. Hurts
in many dimensions with few examples per class, and whenever features are far from Gaussian: the
density of rectified features, many exactly 0, is only a caricature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.clipping import reach
from gengap.detectors.tools.training import class_means, training_features
from gengap.detectors.tools.whitening import inverse_root, shrunk_covariance
from gengap.models.outputs import Outputs, features_of, labels_of


@register_detector(
    "density",
    summary="minus log-density of the features under one Gaussian per class",
    paper=Paper(
        "Deep deterministic uncertainty: a new simple baseline",
        "Mukhoti, Kirsch, van Amersfoort, Torr, Gal",
        2023,
        "https://arxiv.org/abs/2102.11582",
    ),
    needs=("features", "labels"),
    cost="one product with a (d, d) matrix per class",
    tasks=("classification", "regression"),
)
@dataclass(frozen=True)
class Density(Detector):
    """Minus the log-density of a Gaussian mixture with one component per class."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Shares, means and shrunk covariances; labels that are not integers mean regression."""
        features, labels = training_features(train), labels_of(train)
        codes = torch.zeros_like(labels, dtype=torch.int64)
        if not labels.is_floating_point():
            codes = torch.unique(labels, return_inverse=True)[1]
        means, counts = class_means(features, codes), torch.bincount(codes)
        d, typical = features.shape[1], features.square().mean()
        centred = features - means[codes]
        pooled = shrunk_covariance(centred)
        matrices, constants = [], []
        for c, n in enumerate(counts.tolist()):
            own = centred[codes == c]
            matrix, logarithm = inverse_root((own.T @ own + d * pooled) / (n + d), typical)
            matrices.append(matrix)
            constants.append(math.log(n / len(codes)) - (logarithm + d * math.log(2 * math.pi)) / 2)
        return {
            "means": means.float(),
            "matrices": torch.stack(matrices).float(),
            "constants": torch.stack(constants).float(),
            "limit": reach(features).float(),
        }

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-density, in nats."""
        limit = float(fitted["limit"])

        def minus_log_density(rows: Tensor) -> Tensor:
            parts = [
                constant - ((rows - mean).clamp_(-limit, limit) @ matrix).square_().sum(1) / 2
                for mean, matrix, constant in zip(
                    fitted["means"], fitted["matrices"], fitted["constants"], strict=True
                )
            ]
            return -torch.stack(parts, 1).logsumexp(1)

        return by_rows(minus_log_density, features_of(outputs))
