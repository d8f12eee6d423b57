"""COPOD: tail probabilities of an empirical copula, in the tails that the skewness points to.

The copula of the features' distribution functions is taken as independent, so the probability of an
example's tails is a product. With F_j the share of training examples at or below its value and G_j
the share at or above, the example itself counted, and b_j the skewness of the feature,

    s(x) = sum_j max( T_j, (-log F_j - log G_j) / 2 ),

    T_j = -log F_j where b_j < 0,  -log G_j where b_j > 0,  their sum where it is 0:

a skewed feature has its outliers on the long side, and neither side is passed over. At most 10,000
training examples are kept, drawn at random.

Source: Z. Li, Y. Zhao, N. Botta, C. Ionescu & X. Hu, COPOD: copula-based outlier detection, ICDM
2020, arXiv:2009.09463.

Helps as ecod does, more where features are skewed and strange on the long side. Hurts where they
are strange on the short side, which counts half, and wherever ecod does.
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
    "copod",
    summary="values far out in the tails that their features' skewness points to",
    paper=Paper(
        "COPOD: copula-based outlier detection",
        "Li, Zhao, Botta, Ionescu, Hu",
        2020,
        "https://arxiv.org/abs/2009.09463",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="two binary searches a feature",
)
@dataclass(frozen=True)
class Copod(Detector):
    """Sum of each feature's tail on the long side."""

    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Sort the features and take the signs of their skewness."""
        fitted = fit_tails(known_features(train), self.seed)
        values = fitted["sorted"].double()
        apart = values - values.mean(1, keepdim=True)
        third = apart.div(apart.abs().amax(1, keepdim=True).clamp_min(1e-30)).pow(3).mean(1)
        # Of symmetric values rounding would choose the side.
        return fitted | {"skew": third.where(third.abs() > 1e-12, 0).sign().float()}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the logarithm of the tails' probabilities, in nats."""
        skew = fitted["skew"]

        def sums(chunk: Outputs) -> Tensor:
            lower, upper = tails(fitted, bounded(features_of(chunk)))
            long = lower * (skew <= 0) + upper * (skew >= 0)
            return torch.maximum(long, (lower + upper) / 2).sum(1)

        return by_examples(sums, outputs)
