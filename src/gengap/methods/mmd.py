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

Helps and hurts where CORAL does; it sees differences beyond two moments and needs larger batches
to see any. A linear model's features are its inputs, which no training can align.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import register
from gengap.models.networks import Network

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


def discrepancy(features: Tensor) -> Tensor:
    """Squared MMD averaged over pairs of environments, ``(R, E, B, d)`` to ``(R,)``.

    The Gram matrices take ``R (E B)²`` numbers per kernel.
    """
    runs, slots, size, _ = features.shape
    kernel = gaussian_mixture(features.flatten(1, 2))
    return mean_over_pairs(kernel.view(runs, slots, size, slots, size).mean((2, 4)))


def mean_over_pairs(products: Tensor) -> Tensor:
    """Mean squared distance of pairs from inner products ``(R, E, E)``, giving ``(R,)``."""
    slots = products.shape[1]
    trace = products.diagonal(dim1=1, dim2=2).sum(1)
    return (slots * trace - products.sum((1, 2))) * (2 / max(slots * (slots - 1), 1))


def gaussian_mixture(points: Tensor) -> Tensor:
    """Mean of the Gaussian kernels between all points, ``(R, n, d)`` to ``(R, n, n)``.

    Halving a width squares its kernel, so one exponential serves all five.
    """
    # Centring keeps the difference of squares below from cancelling.
    points = points - points.mean(1, keepdim=True).detach()
    norms = points.square().sum(2)
    products = points @ points.transpose(1, 2)
    distances = (norms[:, :, None] + norms[:, None] - 2 * products).clamp(min=0)
    scale = distances.detach().mean((1, 2), keepdim=True).clamp(min=torch.finfo().tiny)
    kernel = torch.exp(distances * (-0.5 / WIDEST) / scale)
    total = kernel
    for _ in range(KERNELS - 1):
        kernel = kernel.square()
        total = total + kernel
    return total / KERNELS
