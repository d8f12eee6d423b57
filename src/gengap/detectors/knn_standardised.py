"""Nearest neighbours in standardised features: the distance to the k-th nearest training example.

The classical distance-based outlier. Each feature is divided by its standard deviation over the
training examples and lengths are kept, so an input far out in a familiar direction is strange,
which knn cannot see:

    || (x - r_k) / s ||,     r_k the k-th nearest training example.

Helps for tables, for regression, and wherever features are not the hidden units of a classifier.
Hurts in many dimensions, where irrelevant features blur all distances, and, unlike mahalanobis,
counts correlated features several times. Fitted, it keeps all training features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.neighbours import bank_of, distance_to_kth
from gengap.detectors.tools.standardising import fit_standardising, standardised
from gengap.detectors.tools.training import training_features
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "knn-standardised",
    summary="distance to the k-th nearest training example in standardised features",
    paper=Paper(
        "Efficient algorithms for mining outliers from large data sets",
        "Ramaswamy, Rastogi, Shim",
        2000,
        "https://doi.org/10.1145/342009.335437",
    ),
    needs=("features",),
    cost="one product with all training features",
    tasks=ANY_TASK,
)
@dataclass(frozen=True)
class KNNStandardised(Detector):
    """Distance to the k-th nearest neighbour, features divided by their standard deviations."""

    k: int = hyperparameter(
        10, 1, 200, log=True, help="which neighbour; cut to the number of training examples"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Means, standard deviations and the standardised training examples."""
        features = training_features(train)
        fitted = fit_standardising(features)
        return fitted | {"bank": bank_of(features, lambda rows: standardised(rows, fitted))}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Distance in standard deviations."""
        rows = standardised(features_of(outputs), fitted)
        return distance_to_kth(rows, fitted["bank"], self.k)
