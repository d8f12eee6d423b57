"""Virtual logit matching: the residual of the features competes with the classes' logits.

Measure features from the point o = -W⁺ b, where the linear head W x + b gives all classes as equal
logits as it can. What the principal subspace about o leaves of x - o becomes the logit of one more,
virtual class, on the scale of the others:

    v(x) = a || (I - P P') (x - o) ||,    a = sum_i |max_c logit_c(x_i)| / sum_i ||residual(x_i)||,

The probability that softmax gives to the virtual class is the score. It saturates in float32, so
its increasing transform v - logsumexp(logits), the log-odds, is returned. (The source sums the
largest logits; their sizes are the same wherever those are positive, and keep a positive.)

Helps more often than residual or energy alone, since it sees both strange directions and unsure
classes. Hurts with narrow features, which leave no residual space worth the name, and needs a
linear head.
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
from gengap.detectors.tools.heads import head_of_fitted, kept_head
from gengap.detectors.tools.moments import column_means
from gengap.detectors.tools.subspace import fit_residual_space, residuals
from gengap.detectors.tools.training import training_features
from gengap.detectors.tools.whitening import FLOOR
from gengap.models.outputs import Outputs, features_of, head_of


@register_detector(
    "vim",
    summary="log-odds of a virtual class whose logit is the features' residual",
    paper=Paper(
        "ViM: out-of-distribution with virtual-logit matching",
        "Wang, Li, Feng, Zhang",
        2022,
        "https://arxiv.org/abs/2203.10807",
    ),
    needs=("features", "head"),
    cost="one product with a (d, r) matrix and the head's",
)
@dataclass(frozen=True)
class ViM(Detector):
    """Residual as a virtual logit against the energy of the others."""

    explained: float = hyperparameter(
        0.99, 0.5, 0.9999, limit=1, help="share of the variance that the principal subspace holds"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """The residual space and the virtual logit's scale."""
        features, head = training_features(train), head_of(train)
        weight, bias = head.weight.double(), head.bias.double()
        centre = -torch.linalg.pinv(weight) @ bias
        fitted = fit_residual_space(features, centre, self.explained)
        largest = by_rows(lambda rows: head(rows).amax(1).abs(), features).double().mean()
        off = by_rows(lambda rows: residuals(rows, fitted), features).double().mean()
        least = FLOOR * (column_means(features) - centre).norm()
        scale = largest / torch.maximum(off, least) if least > 0 else torch.ones_like(off)
        return fitted | {"scale": scale.float()} | kept_head(head)

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Virtual logit less the logarithm of the sum of the others' exponentials."""
        head, limit = head_of_fitted(fitted), float(fitted["limit"])

        def log_odds(rows: Tensor) -> Tensor:
            virtual = fitted["scale"] * residuals(rows, fitted)
            return virtual - head(rows.clamp(-limit, limit)).logsumexp(1)

        return by_rows(log_odds, features_of(outputs))
