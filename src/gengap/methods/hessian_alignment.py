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

Two entries, one penalty. ``hessian-diagonal`` has the diagonal of ``H_e`` in the place of
``H_e g_e``, the paper's other method. There it is estimated by random signs (Hutchinson's method);
of a linear layer it is at hand,

    diag H = mean of h² s',        s_c = p_c (1 - p_c)  for classes,    2  for values.

Helps where Fishr helps: environments whose losses differ in shape around the same weights. Hurts
where environments differ in noise, which changes curvature without saying anything of the cause,
and with few examples per environment. ``H g`` shrinks with confidence, so late in training ``λ``
must be large to matter at all; ``β`` alone aligns gradients as IGA does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Annealed, annealed, rescaled
from gengap.methods.batch import Batch
from gengap.methods.fishr import residuals
from gengap.methods.losses import softmax
from gengap.methods.registry import LINEAR_END, ONE_TARGET, register
from gengap.models.networks import Network

PAPER = Paper(
    "Understanding Hessian alignment for domain generalization",
    "Hemati, Zhang, Estiri, Chen",
    2023,
    "https://arxiv.org/abs/2308.11778",
)
NEEDS = (
    "environment labels", "two or more training environments", LINEAR_END, ONE_TARGET,
)  # fmt: skip


@register(
    "hessian-alignment",
    summary="aligns the last layer's gradient and curvature between environments",
    paper=PAPER,
    needs=NEEDS,
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
        slopes, curvature = self.derivatives(features, logits, batch)
        apart = spread(curvature) + self.gradient * spread(slopes)
        return rescaled(risk, weight, apart)

    def derivatives(self, features: Tensor, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Gradients of the environments' risks for the last layer, and Hessians times gradients."""
        return derivatives(features, logits, batch)


@register(
    "hessian-diagonal",
    summary="aligns the last layer's gradient and its curvatures one by one",
    paper=PAPER,
    needs=NEEDS,
    minimum_environments=2,
)
@dataclass(frozen=True)
class HessianDiagonal(HessianAlignment):
    """Alignment of gradients and second derivatives; with ``penalty`` 0 it is plain training."""

    def derivatives(self, features: Tensor, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Gradients of the environments' risks for the last layer, and the Hessians' diagonals."""
        joined = torch.cat(_averaged(residuals(logits, batch).transpose(2, 3), features), 3)
        return joined.transpose(2, 3), diagonals(features, logits, batch)


def derivatives(features: Tensor, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Gradients of the environments' risks for the last layer, and Hessians times gradients.

    Both are ``(R, E, d + 1, C)``, the bias last.
    """
    # Classes before examples and features: products of few columns are slow.
    residual = residuals(logits, batch).transpose(2, 3)
    weight, bias = _averaged(residual, features)
    along = weight @ features.transpose(2, 3) + bias
    if batch.context.task == "regression":
        curved = 2 * along
    else:
        p = softmax(logits).transpose(2, 3)
        curved = p * (along - (p * along).sum(2, keepdim=True))
    joined = (torch.cat(parts, 3) for parts in ((weight, bias), _averaged(curved, features)))
    slopes, products = (values.transpose(2, 3) for values in joined)
    return slopes, products


def diagonals(features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
    """Diagonals of the risks' Hessians for the last layer, ``(R, E, d + 1, C)``, the bias last."""
    if batch.context.task == "regression":
        second = torch.full_like(logits, 2.0)
    else:
        p = softmax(logits)
        second = p * (1 - p)
    weight, bias = _averaged(second.transpose(2, 3), features.square())
    return torch.cat([weight, bias], 3).transpose(2, 3)


def _averaged(slopes: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Means over examples of the layer's slopes ``(R, E, C, d)`` and ``(R, E, C, 1)``.

    Args:
        slopes: ``(R, E, C, B)`` of the logits.
    """
    return slopes @ features / features.shape[2], slopes.mean(3, keepdim=True)


def spread(values: Tensor) -> Tensor:
    """Mean squared distance to the mean over environments, ``(R, E, ...)`` to ``(R,)``."""
    squares = (values - values.mean(1, keepdim=True)).square()
    return squares.sum(tuple(range(2, squares.dim()))).mean(1)
