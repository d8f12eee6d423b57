"""Hessian alignment: last layers whose gradient and curvature agree between environments.

How far a classifier transfers from one environment to another is bounded by the difference of the
Hessians ``H_e`` of its last layer's risk. Aligning the gradients ``g_e`` and the products
``H_e g_e``, which need no Hessian,

    min  1/E Σ_e R_e  +  λ_t · mean over e of ( |H_e g_e - mean|²  +  β |g_e - mean|² ),

brings whatever IRM, V-REx, CORAL, Fish and Fishr bring in part. For a linear last layer on
features ``h`` (with a 1 for the bias) both are sums over examples. With ``r`` the slope of an
example's loss for its logits and ``S`` its second derivative,

    g = mean of h r',        H V = mean of h (S V'h)',        S = diag(p) - p p'   for classes,
                                                              S = 2                for values,

so the penalty is made from features and logits alone, its gradient by one backward pass. The paper
calls this the Hessian-gradient product; ``λ_t`` joins late (:mod:`gengap.methods.annealing`).

Helps where Fishr helps: environments whose losses differ in shape around the same weights. Hurts
where environments differ in noise, which changes curvature without saying anything of the cause,
and with few examples per environment. ``H g`` shrinks with confidence, so late in training ``λ``
must be large to matter at all; ``β`` alone aligns gradients as IGA does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Annealed, annealed, rescaled
from gengap.methods.batch import Batch
from gengap.methods.fishr import residuals
from gengap.methods.registry import ONE_TARGET, register
from gengap.models.networks import Network


@register(
    "hessian-alignment",
    summary="aligns the last layer's gradient and curvature between environments",
    paper=Paper(
        "Understanding Hessian alignment for domain generalization",
        "Hemati, Zhang, Estiri, Chen",
        2023,
        "https://arxiv.org/abs/2308.11778",
    ),
    needs=(
        "environment labels",
        "two or more training environments",
        "a linear last layer",
        ONE_TARGET,
    ),
    minimum_environments=2,
)
@dataclass(frozen=True)
class HessianAlignment(Annealed):
    """Alignment of the last layer's derivatives; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(1.0, 0.1, 1e3, log=True, help="weight of the differences")
    gradient: float = hyperparameter(
        1.0, 1e-2, 1e2, log=True, help="weight of the gradients' beside the curvatures'"
    )
    anneal: float = hyperparameter(
        0.5, 0.0, 0.9, limit=1, help="share of the training before the penalty is switched on"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk and the penalised differences, rescaled."""
        features, logits = network(batch.x)
        weight = annealed(self.penalty, self.anneal, batch)
        risk = batch.risks(logits).mean(1)
        if not bool(weight.any()):
            return risk
        slopes, products = derivatives(features, logits, batch)
        apart = spread(products) + self.gradient * spread(slopes)
        return rescaled(risk, weight, apart)


def derivatives(features: Tensor, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Gradients of the environments' risks for the last layer, and Hessians times gradients.

    Both are ``(R, E, d + 1, C)``, the bias last.
    """
    h = F.pad(features, (0, 1), value=1.0)
    size = h.shape[2]
    slopes = h.transpose(2, 3) @ residuals(logits, batch) / size
    along = h @ slopes
    if batch.context.task == "regression":
        curved = 2 * along
    else:
        p = torch.softmax(logits, -1)
        curved = p * (along - (p * along).sum(-1, keepdim=True))
    return slopes, h.transpose(2, 3) @ curved / size


def spread(values: Tensor) -> Tensor:
    """Mean squared distance to the mean over environments, ``(R, E, ...)`` to ``(R,)``."""
    return (values - values.mean(1, keepdim=True)).square().flatten(2).sum(2).mean(1)
