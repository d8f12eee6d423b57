"""Mixture outlier exposure: the confidence falls as inliers turn into outliers.

Auxiliary outliers lie far from the inliers, and strangers that resemble the classes lie in
between, where outlier exposure asks for nothing. Mixture exposure trains on the way there,

    x̃ = λ x + (1 - λ) x',    q̃ = λ onehot(y) + (1 - λ) uniform,    λ ~ Beta(α, α),
    min_θ  E -log p_y(x)  +  β E -Σ_c q̃_c log p_c(x̃),

so that the confidence decays linearly from inlier to outlier. The cross-entropy is linear in its
target, so the second loss is ``λ`` times the class's and ``1 - λ`` times the uniform one of outlier
exposure. Of the paper's two mixtures this is the linear one, which any numeric input allows; the
other cuts rectangles out of images.

Helps for fine-grained strangers, such as a further class of the same kind. Hurts the confidence
of inliers that look like a blend, and when a blend of two inputs means nothing. What it gained on
digits: docs/results.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network


@register(
    "mixture-exposure",
    summary="asks that the confidence falls along the way to an outlier",
    paper=Paper(
        "Mixture outlier exposure: towards out-of-distribution detection in fine-grained "
        "environments",
        "Zhang, Inkawhich, Linderman, Chen, Li",
        2023,
        "https://arxiv.org/abs/2106.03917",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, NUMERIC_INPUTS, OUTLIERS),
    passes=2.0,
)
@dataclass(frozen=True)
class MixtureExposure(Method):
    """Blends of inliers and outliers; with ``weight`` 0 plain training at twice the cost."""

    weight: float = hyperparameter(5.0, 0.5, 20.0, log=True, help="weight of the blends' loss")
    alpha: float = hyperparameter(
        1.0, 0.1, 5.0, log=True, help="both parameters of Beta, which draws the inlier's share"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the weighted loss on blends."""
        assert batch.unlabelled is not None
        inliers, labels = batch.x.flatten(1, 2), batch.y.flatten(1)
        alphas = torch.as_tensor(self.alpha).tolist()
        drawn = [
            g.beta(alpha, alpha, labels.shape[1])
            for g, alpha in zip(batch.generators, alphas, strict=True)
        ]
        share = torch.from_numpy(np.stack(drawn)).to(inliers)
        blends = blended(inliers, batch.unlabelled, share)
        logits = network(torch.cat([inliers, blends], 1)).logits
        known, between = logits.split(labels.shape[1], 1)
        risk = batch.risks(known.unflatten(1, batch.y.shape[1:])).mean(1)
        return risk + self.weight * blend_loss(between, labels, share)


def blended(inliers: Tensor, outliers: Tensor, share: Tensor) -> Tensor:
    """Blends ``(..., *shape)`` with the inlier's share ``(...)``."""
    return torch.lerp(
        outliers, inliers, share.view(*share.shape, *(1,) * (inliers.dim() - share.dim()))
    )


def blend_loss(logits: Tensor, labels: Tensor, share: Tensor) -> Tensor:
    """Mean cross-entropy of logits ``(..., n, C)`` to ``share`` of the class and the rest uniform.

    >>> blend_loss(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([0.3]))    # log 2
    tensor(0.6931)
    """
    log_probability = torch.log_softmax(logits, -1)
    right = log_probability.gather(-1, labels[..., None]).squeeze(-1)
    return -(share * right + (1 - share) * log_probability.mean(-1)).mean(-1)
