"""Invariant causal mechanisms through distribution matching.

If environments are interventions on everything but the cause of the target, features of the cause
have one distribution under *any mixture* of environments. So the batch is cut at random into two
mixtures: of environment ``e`` the share ``a_e``, drawn anew at every step, goes to one and the rest
to the other, and the features ``h`` of both are asked to have the same distribution,

    min  1/E Σ_e R_e  +  λ · MMD²(h | first mixture, h | second mixture).

With ``v_i = ±1/n`` by the mixture that example ``i`` is in, of ``n`` examples,

    MMD² = Σ_ij v_i v_j k(h_i, h_j),

whose kernel averages five Gaussians with widths about the batch's mean squared distance (held
fixed in the gradient), as in :mod:`gengap.methods.mmd`. Instead of all pairs of environments there
is one pair of mixtures a step, whose difference is small where the shares happen to be alike; over
steps every direction in which environments differ comes up.

Helps and hurts where MMD and CORAL do: inputs that move help it, classes that are unevenly spread
over environments turn it against the task. It is gentler at the same ``λ``, since mixtures differ
less than environments, and cheaper with many environments. With small batches both mixtures hold
few examples and their difference is noise.
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
from gengap.methods.registry import register
from gengap.models.networks import Network

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


@register(
    "distribution-matching",
    summary="aligns the features of two random mixtures of the environments",
    paper=Paper(
        "Invariant causal mechanisms through distribution matching",
        "Chevalley, Bunne, Krause, Bauer",
        2022,
        "https://arxiv.org/abs/2206.11646",
    ),
    needs=("environment labels", "two or more training environments", "hidden features"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class DistributionMatching(Method):
    """Alignment of mixtures; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(1.0, 1e-1, 1e1, log=True, help="weight of the discrepancy")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk and the penalised discrepancy of two mixtures."""
        features, logits = network(batch.x)
        slots, size = features.shape[1:3]
        cuts = np.stack([g.integers(size, size=slots) for g in batch.generators])
        first = torch.arange(size) < torch.from_numpy(cuts)[..., None]
        apart = discrepancy(features.flatten(1, 2), first.flatten(1).to(features.device))
        return batch.risks(logits).mean(1) + self.penalty * apart


def discrepancy(points: Tensor, first: Tensor) -> Tensor:
    """Squared MMD ``(R,)`` between the ``points (R, n, d)`` in one mixture and in the other.

    Args:
        first: ``(R, n)`` bool, which are in the first; where either is empty there is none.
    """
    points = points - points.mean(1, keepdim=True)  # or the difference of squares cancels
    lengths = points.square().sum(-1)
    # The mean squared distance of centred points is twice their mean square.
    scale = 2 * lengths.detach().mean(1).clamp(min=torch.finfo(points.dtype).tiny)
    away = lengths[:, :, None] + lengths[:, None] - 2 * points @ points.transpose(1, 2)
    widest = torch.exp(-away.clamp(min=0) / (2 * WIDTHS[-1] * scale)[:, None, None])
    kernel = sum(widest ** (WIDTHS[-1] / width) for width in WIDTHS) / len(WIDTHS)
    member = first.to(points)
    inside, outside = member.sum(1, keepdim=True), (1 - member).sum(1, keepdim=True)
    signed = member / inside.clamp(min=1) - (1 - member) / outside.clamp(min=1)
    value = torch.einsum("ri,rij,rj->r", signed, kernel, signed)
    return torch.where((inside * outside).squeeze(1) > 0, value, 0.0)
