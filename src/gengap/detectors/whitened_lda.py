"""Whitened linear discriminant analysis: two distances, where classes differ and where they do not.

Whiten the features by the covariance within classes. The class means then span a subspace of at
most C - 1 dimensions, the discriminative one; in its complement all classes share one mean. With
z = (u, v) the coordinates in the two subspaces and u_c the class means in the first,

    min_c ||u - u_c|| + a ||v||,

a stranger being far from every class or unlike all of them together. The squared Mahalanobis
distance is the same with squares and a = 1: there the residual space, which has most of the
dimensions, outweighs the other, here the two compete on the scale of distances and by weight.

Helps when there are many more features than classes, more so with contrastive features. Hurts when
the class means are as many as the features (no residual space), and inherits from mahalanobis that
classes must have similar spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.discriminants import fit_discriminants
from gengap.detectors.tools.whitening import nearest_squared, whiten
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "whitened-lda",
    summary="distance to the nearest class where classes differ, plus to the centre where they "
    "do not",
    paper=Paper(
        "WDiscOOD: out-of-distribution detection via whitened linear discriminant analysis",
        "Chen, Lin, Xu, Vela",
        2023,
        "https://arxiv.org/abs/2303.07543",
    ),
    needs=("features", "labels"),
    cost="one product with a (d, d) matrix",
)
@dataclass(frozen=True)
class WhitenedLDA(Detector):
    """Distances in the discriminative and the residual subspace of whitened features."""

    residual_weight: float = hyperparameter(
        0.5, 0.05, 20.0, log=True, help="weight of the distance in the residual subspace"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Whiten, then rotate so that the first coordinates span the class means."""
        return fit_discriminants(train)[0]

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Weighted sum of the two distances, in standard deviations."""
        means = fitted["means"]
        rank = means.shape[1]

        def distances(rows: Tensor) -> Tensor:
            z = whiten(rows, fitted)
            nearest = nearest_squared(z[:, :rank], means).sqrt_()
            return nearest + self.residual_weight * z[:, rank:].norm(dim=1)

        return by_rows(distances, features_of(outputs))
