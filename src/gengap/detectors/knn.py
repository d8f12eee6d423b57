"""Nearest neighbours: the distance to the k-th nearest training example, by direction.

With B_k(x) the ball about x that just holds k of n training examples, the density at x is estimated
by k / (n volume(B_k(x))): low density is a far k-th neighbour. No shape is assumed, unlike
mahalanobis. Features are first scaled to length 1, since in networks the length follows how well
the logits fit, and unknown inputs tend to have short features:

    || x/||x|| - r_k/||r_k|| ||,     r_k the k-th nearest training example.

Helps when classes have odd shapes or several parts; needs neither labels nor logits. Hurts when
strangers differ in length only (see knn-standardised), and with labels so fine that k examples are
not one class. Fitted, it keeps all training features: a guard with it is as large as they are, and
discloses them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.neighbours import bank_of, directions, distance_to_kth
from gengap.detectors.tools.training import training_features
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "knn",
    summary="distance to the k-th nearest training example among features of length 1",
    paper=Paper(
        "Out-of-distribution detection with deep nearest neighbors",
        "Sun, Ming, Zhu, Li",
        2022,
        "https://arxiv.org/abs/2204.06507",
    ),
    needs=("features",),
    cost="one product with all training features",
    tasks=ANY_TASK,
)
@dataclass(frozen=True)
class KNN(Detector):
    """Distance to the k-th nearest neighbour, features scaled to length 1."""

    k: int = hyperparameter(
        10, 1, 200, log=True, help="which neighbour; cut to the number of training examples"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Keep the training examples' directions."""
        return {"bank": bank_of(training_features(train), directions)}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Distance between directions, 0 to 2."""
        return distance_to_kth(directions(features_of(outputs)), fitted["bank"], self.k)
