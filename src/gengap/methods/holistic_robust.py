"""Holistic robust loss (HR): the worst case of moved inputs, wrong rows and too small a sample.

What is observed may differ from what will be met in three ways, each with a size of its own: an
input can move by ``ε`` (evasion), a share ``α`` of the rows can be anything (poisoning), and the
rest is a sample, whose distribution lies within ``r`` of the true one in Kullback-Leibler
divergence. With ``ℓ_i`` the loss of example ``i`` moved the worst way, the loss is

    sup_d Σ_i d_i ℓ_i    over    KL(p̂ | d) <= r,

where ``p̂`` has weight ``1/n`` on each example, but the share ``α`` was taken from the smallest
losses and given to the largest. The supremum is found in one dimension,

    min over η > max ℓ of  η - e^{-r} exp( Σ_i p̂_i log(η - ℓ_i) ),
    d_i = p̂_i e^{-r} exp( Σ_k p̂_k log(η - ℓ_k) ) / (η - ℓ_i),

and the step follows ``Σ_i d_i ∇ℓ_i``, all of it over a batch, whose largest loss stands for the
largest there can be. An input moves in one step uphill, in the source's experiments in several.
With ``α = r = 0`` this is adversarial training; ``r`` is
what keeps that from overfitting, ``α`` what keeps wrong labels from hiding in small losses.

Helps where any of the three is really there. Hurts where none is: every one of them trades
accuracy at home for safety, and with wrong labels in the data ``r`` and ``α`` look hardest at
just these. The radius is in standardised inputs and matters most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, register
from gengap.methods.udim import moved_uphill
from gengap.models.networks import Network

HALVINGS = 50


@register(
    "holistic-robust",
    summary="trains for the worst of moved inputs, wrong rows and a small sample",
    paper=Paper(
        "Certified robust neural networks: generalization and corruption resistance",
        "Bennouna, Lucas, Van Parys",
        2023,
        "https://arxiv.org/abs/2303.02251",
    ),
    needs=(NUMERIC_INPUTS, ONE_TARGET),
    passes=2.0,
)
@dataclass(frozen=True)
class HolisticRobust(Method):
    """Three robustnesses; with all at 0 it is plain training at twice the cost."""

    radius: float = hyperparameter(
        0.2, 0.02, 1.0, log=True, help="how far an input moves, in standardised units"
    )
    poisoned: float = hyperparameter(
        0.02, 0.0, 0.2, limit=1, help="share of the rows that may be anything"
    )
    divergence: float = hyperparameter(
        0.05, 1e-3, 0.5, log=True, help="divergence of the sample from what it was drawn from"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Losses of moved inputs, weighed by the worst distribution."""
        with torch.enable_grad():
            x = batch.x.detach().clone().requires_grad_()
            given = batch.losses(network(x).logits)
            (uphill,) = torch.autograd.grad(given.sum(), x)
        moved = moved_uphill(batch.x, uphill, self.radius)
        losses = batch.losses(network.still()(moved).logits).flatten(1)
        weight = worst_weights(losses.detach(), self.poisoned, self.divergence)
        return (weight * losses).sum(1)


def worst_weights(losses: Tensor, poisoned: float | Tensor, divergence: float | Tensor) -> Tensor:
    """Weights ``(R, n)`` of sum 1 of the worst distribution, for losses ``(R, n)``."""
    p, values = poisoned_weights(losses, poisoned).double(), losses.double()
    largest = values.amax(1, keepdim=True)
    scale = (largest - values.amin(1, keepdim=True)).clamp(min=1e-9)
    below = (largest - values) / scale  # 0 for the largest loss, 1 for the smallest
    shrunk = torch.exp(-along_runs(divergence, p).to(p))

    def weights(above: Tensor) -> Tensor:
        away = below + above
        return p * shrunk * torch.exp((p * away.log()).sum(1, keepdim=True)) / away

    low, high = torch.full_like(largest, -40.0), torch.full_like(largest, 40.0)
    for _ in range(HALVINGS):  # for the logarithm of η's distance to the largest loss
        middle = (low + high) / 2
        too_near = weights(middle.exp()).sum(1, keepdim=True) > 1
        low, high = torch.where(too_near, middle, low), torch.where(too_near, high, middle)
    found = weights(high.exp())
    return (found / found.sum(1, keepdim=True)).to(losses)


def poisoned_weights(losses: Tensor, share: float | Tensor) -> Tensor:
    """Equal weights with a share taken from the smallest losses and given to the largest."""
    count = losses.shape[1]
    taken = along_runs(share, losses).to(losses) * count  # in examples
    rank = losses.argsort(1).argsort(1).to(losses)
    kept = (rank + 1 - taken).clamp(0, 1)
    given = torch.where(rank == count - 1, taken.clamp(max=count), 0.0)
    return torch.where(rank == count - 1, (kept + given).clamp(max=count), kept) / count
