"""Maximum mean discrepancy: features with the same distribution in all environments.

For a characteristic kernel ``k`` the distance between two distributions in the kernel's space,

    MMD²(P, Q) = E k(x, x') + E k(y, y') - 2 E k(x, y)        (x, x' from P; y, y' from Q),

is zero only when they are equal (Gretton et al. 2012). It is estimated by its V-statistic, which
is never negative, for every pair of training environments, and their mean is added to the risk.
From one Gram matrix over all examples of the batch the block means ``M_ij`` give all pairs:

    mean over pairs of MMD²(i, j) = 2 / (E (E-1)) · (E tr M - Σ_ij M_ij).

The kernel averages Gaussians ``exp(-|x - y|² / (2 c s))`` with ``s`` the batch's mean squared
distance, held constant in the gradient, and ``c = 1/4, 1/2, 1, 2, 4``: the widths follow the
features' scale, so that neither depth nor width of the network changes their meaning.

Scaled by ``1/sqrt(8 s)`` to ``z``, the widest kernel is ``e = exp(-|z_i - z_j|²)`` and the others
are its squares, so one exponential serves all five. The gradient is written out: with ``w`` the
weights of the pairs of examples and ``G = (e + 2 e² + 4 e⁴ + 8 e⁸ + 16 e¹⁶) / 5``,

    ∂/∂z_i = -4 Σ_j w_ij G_ij (z_i - z_j).

Both matrices are symmetric; only the blocks of environments ``i <= j`` are computed, a row of
blocks at a time, so that what is squared and added up stays in the processor's cache.

Helps and hurts where CORAL does; it sees differences beyond two moments and needs larger batches
to see any. A linear model's features are its inputs, which no training can align.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters

WIDEST, KERNELS = 4.0, 5


@register(
    "mmd",
    summary="aligns the distribution of the features between environments by kernels",
    paper=Paper(
        "Domain generalization with adversarial feature learning",
        "Li, Pan, Wang, Kot",
        2018,
        "https://doi.org/10.1109/CVPR.2018.00566",
    ),
    needs=("environment labels", "two or more training environments", "hidden features"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class MMD(Method):
    """Alignment of whole distributions; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(1.0, 1e-1, 1e1, log=True, help="weight of the discrepancy")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk and the penalised discrepancy."""
        features, logits = network(batch.x)
        return batch.risks(logits).mean(1) + self.penalty * discrepancy(features)

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Of the loss, whose value would take an eighth of the step."""
        (features, logits), pullback = network.pullback(batch.x)
        _, slopes = discrepancy_with_slopes(features, value=False)
        return pullback(batch.slopes(logits), slopes.mul_(along_runs(self.penalty, slopes)))


def discrepancy(features: Tensor) -> Tensor:
    """Squared MMD averaged over pairs of environments, ``(R, E, B, d)`` to ``(R,)``."""
    return _Discrepancy.apply(features)


class _Discrepancy(torch.autograd.Function):
    """The value, and its gradient found along the way."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        value, slopes = discrepancy_with_slopes(features)
        ctx.save_for_backward(slopes)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (slopes,) = ctx.saved_tensors
        return slopes * slope[:, None, None, None]


@torch.no_grad()
def discrepancy_with_slopes(features: Tensor, value: bool = True) -> tuple[Tensor, Tensor]:
    """The discrepancy ``(R,)``, zero where it is not wanted, and its slopes for the features.

    Takes ``3 R B (E B)`` numbers.
    """
    runs, slots, size, _ = features.shape
    points = features.flatten(1, 2)
    # Centring keeps the difference of squares below from cancelling.
    points = points - points.mean(1, keepdim=True)
    # The mean squared distance of centred points is twice their mean square.
    scale = 2 * points.square().sum((1, 2), keepdim=True) / points.shape[1]
    stretch = (2 * WIDEST * scale.clamp(min=torch.finfo().tiny)).rsqrt()
    points.mul_(stretch)
    lengths = -points.square().sum(2, keepdim=True)
    found = points.new_zeros(runs)
    # Σ_j w_ij G_ij z_j and Σ_j w_ij G_ij, without the weights' factor.
    pull, mass = torch.zeros_like(points), torch.zeros_like(lengths)
    for start in range(0, slots * size, size):
        here, after = slice(start, start + size), slice(start, None)
        own, those, later = points[:, here], points[:, after], slice(start + size, None)
        exponent = lengths[:, here] + lengths[:, after].transpose(1, 2)  # less the squared distance
        kernel, slope = mixture(exponent.baddbmm_(own, those.transpose(1, 2), alpha=2), value)
        if kernel is not None:
            found += (slots - 1) * kernel[..., :size].sum((1, 2))
            found -= 2 * kernel[..., size:].sum((1, 2))
        slope[..., :size] *= 1 - slots
        others = slope[..., size:].transpose(1, 2)
        pull[:, here].baddbmm_(slope, those)
        mass[:, here] += slope.sum(2, keepdim=True)
        pull[:, later].baddbmm_(others, own)
        mass[:, later] += others.sum(2, keepdim=True)
    factor = 2 / max(slots * (slots - 1), 1) / size**2 / KERNELS
    slopes = mass.mul(points).sub_(pull).mul_(4 * factor * stretch)
    return factor * found, slopes.view_as(features)


def mixture(exponent: Tensor, value: bool) -> tuple[Tensor | None, Tensor]:
    """Sum of the five kernels where wanted, and its derivative, from the widest one's exponent."""
    power = exponent.clamp_(max=0).exp_()
    kernel, slope = power.clone() if value else None, power.clone()
    for k in range(1, KERNELS):
        power.square_()
        slope.add_(power, alpha=2**k)
        if kernel is not None:
            kernel.add_(power)
    return kernel, slope
