"""ECOD: add up how far out each feature lies in its own tails.

Take the features as independent. With the empirical distribution of each among n training examples,
the example itself counted, F_j the share at or below its value and G_j the share at or above,

    s(x) = sum_j max( -log F_j(x_j), -log G_j(x_j) ),

the logarithm of how improbable its values are, each in the tail it is nearer to. There is nothing
to choose. The source takes the larger of whole sums, over lower tails, over upper tails and over
those that the skewness points to; its authors' program takes each feature's larger tail, as here,
since an example may be low in one feature and high in another. At most 10,000 training examples are
kept, drawn at random.

Source: Z. Li, Y. Zhao, X. Hu, N. Botta, C. Ionescu & G. H. Chen, ECOD: unsupervised outlier
detection using empirical cumulative distribution functions, IEEE TKDE 2022, arXiv:2201.00382.

Helps with tables of features in any units and shapes, at any number of examples; needs no model's
features. Hurts where the combination is strange and each value ordinary, with values between two
modes, and in telling how far beyond the training examples a value lies: all there score alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, known_features
from gengap.detectors.tools.tails import fit_tails, tails
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "ecod",
    summary="values far out in the tails of their features",
    paper=Paper(
        "ECOD: unsupervised outlier detection using empirical cumulative distribution functions",
        "Li, Zhao, Hu, Botta, Ionescu, Chen",
        2022,
        "https://arxiv.org/abs/2201.00382",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="two binary searches a feature",
)
@dataclass(frozen=True)
class Ecod(Detector):
    """Sum of each feature's larger tail."""

    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Sort the features."""
        return fit_tails(known_features(train), self.seed)

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the logarithm of the tails' probabilities, in nats."""

        def sums(chunk: Outputs) -> Tensor:
            return torch.maximum(*tails(fitted, bounded(features_of(chunk)))).sum(1)

        return by_examples(sums, outputs)
