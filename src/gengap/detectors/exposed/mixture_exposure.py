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
of inliers that look like a blend, and when a blend of two inputs means nothing. On digits it did
not beat plain outlier exposure (docs/results.md).

Zhang, Inkawhich, Linderman, Chen, Li: Mixture outlier exposure: towards out-of-distribution
detection in fine-grained environments. WACV 2023, arXiv:2106.03917.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Draw, Schedule, checked, trained


def mixture_exposure(
    model: nn.Module,
    inliers: Tensor,
    labels: Tensor,
    outliers: Tensor,
    *,
    weight: float = 5.0,
    alpha: float = 1.0,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
    seed: int = 0,
) -> nn.Module:
    """Train a copy of a network on blends of inliers and outliers.

    Args:
        model: network that returns logits ``(n, C)``, trained or not.
        inliers: ``(n, ...)`` inputs.
        labels: ``(n,)`` class numbers from 0.
        outliers: ``(m, ...)`` inputs of none of the classes.
        weight: weight ``β`` of the blends' loss.
        alpha: both parameters of the Beta distribution of the inlier's share; 1 is uniform.

    Raises:
        UsageError: alpha is not positive, or as :func:`gengap.detectors.exposed.descent.checked`.
    """
    if not alpha > 0:
        raise UsageError(f"The parameter alpha of mixture exposure must be positive, not {alpha}.")
    examples = checked(model, inliers, labels, outliers)

    def loss(network: nn.Module, draw: Draw) -> Tensor:
        share = torch.from_numpy(draw.source.beta(alpha, alpha, len(draw.labels))).float()
        blends = blended(draw.inliers, draw.others, share)
        logits = network(torch.cat([draw.inliers, blends]))
        known, between = logits.split(len(draw.labels))
        return F.cross_entropy(known, draw.labels) + weight * blend_loss(
            between, draw.labels, share
        )

    return trained(model, examples, loss, schedule, seed=seed, purpose="mixture exposure")


def blended(inliers: Tensor, outliers: Tensor, share: Tensor) -> Tensor:
    """Blends ``(n, ...)`` with the inlier's share ``(n,)``."""
    return torch.lerp(outliers, inliers, share.view(-1, *(1,) * (inliers.dim() - 1)))


def blend_loss(logits: Tensor, labels: Tensor, share: Tensor) -> Tensor:
    """Mean cross-entropy of logits ``(n, C)`` to ``share`` of the class and the rest uniform.

    >>> blend_loss(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([0.3]))    # log 2
    tensor(0.6931)
    """
    log_probability = torch.log_softmax(logits, 1)
    right = log_probability.gather(1, labels[:, None])[:, 0]
    return -(share * right + (1 - share) * log_probability.mean(1)).mean()
