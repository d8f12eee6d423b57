"""Residual: the part of the features that the training examples' principal components leave.

Features of training examples lie near a subspace of few dimensions. A stranger need not:

    || (I - P P') (x - m) ||,

with m the mean and P the fewest principal components that hold a given share of the variance.

Needs neither classes nor a head. Helps with strangers that excite directions the training examples
leave quiet. Hurts when strangers lie in the same subspace, merely further out or between classes,
and when the training examples fill all dimensions evenly.

The source measures from the point where all logits are equal; here it is the mean, so that models
without a linear head, and regression, can use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.moments import column_means
from gengap.detectors.tools.subspace import fit_residual_space, residuals
from gengap.detectors.tools.training import training_features
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "residual",
    summary="distance from the principal subspace of the training features",
    paper=Paper(
        "ViM: out-of-distribution with virtual-logit matching",
        "Wang, Li, Feng, Zhang",
        2022,
        "https://arxiv.org/abs/2203.10807",
    ),
    needs=("features",),
    cost="one product with a (d, r) matrix",
    tasks=ANY_TASK,
)
@dataclass(frozen=True)
class Residual(Detector):
    """Distance from the principal subspace."""

    explained: float = hyperparameter(
        0.99, 0.5, 0.9999, limit=1, help="share of the variance that the principal subspace holds"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Mean and directions off the principal subspace."""
        features = training_features(train)
        return fit_residual_space(features, column_means(features), self.explained)

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Distance, in the features' unit."""
        return by_rows(lambda rows: residuals(rows, fitted), features_of(outputs))
