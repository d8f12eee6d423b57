"""Mixup between environments: train on blends of examples from two environments.

Vicinal risk minimisation replaces each example by a blend with another (Zhang et al. 2018,
arXiv:1710.09412); between environments the partner comes from another one, so that the network
also sees the region between them (Yan et al. 2020):

    x = λ x_i + (1 - λ) x_j,    loss = λ ℓ(f(x), y_i) + (1 - λ) ℓ(f(x), y_j),    λ ~ Beta(α, α).

For the squared error this has the gradient of the loss on the blended target. Each step pairs
the batch's environments in a random cycle and draws one ``λ`` per example from the run's own
stream. As ``α`` goes to 0 the blends become unblended examples; at 0 it is plain training.

Helps as a regulariser when classes separate linearly between environments (tables, signals,
textures). Hurts when a blend of two inputs means nothing or means a third class, and for
regression when the target is strongly curved in the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import NUMERIC_INPUTS, register
from gengap.models.networks import Network


@register(
    "mixup",
    summary="trains on blends of examples from two environments",
    paper=Paper(
        "Improve unsupervised domain adaptation with mixup training",
        "Yan, Song, Li, Zou, Ren",
        2020,
        "https://arxiv.org/abs/2001.00677",
    ),
    needs=("environment labels", "two or more training environments", NUMERIC_INPUTS),
    minimum_environments=2,
)
@dataclass(frozen=True)
class Mixup(Method):
    """Mixup between environments; with ``alpha`` 0 it is plain training."""

    alpha: float = hyperparameter(0.2, 0.1, 10.0, log=True, help="both parameters of Beta")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss on blended examples, against both targets."""
        partner, share = draw_blends(self.alpha, batch)
        other = batch.take(partner)
        spread = share.view(*share.shape, *(1,) * (batch.x.dim() - 3))
        # lerp is exact at both ends, so an unblended example keeps every digit.
        logits = network(torch.lerp(other.x, batch.x, spread)).logits
        return torch.lerp(other.losses(logits), batch.losses(logits), share).mean((1, 2))


def draw_blends(alpha: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Draw each run's partners ``(R, E)`` and shares of the own example ``(R, E, B)``."""
    slots, size = batch.y.shape[1:3]
    partner, share = [], []
    for own, generator in zip(torch.as_tensor(alpha).tolist(), batch.generators, strict=True):
        cycle = generator.permutation(slots)
        next_in_cycle = np.empty(slots, np.int64)
        next_in_cycle[cycle] = np.roll(cycle, -1)
        partner.append(next_in_cycle)
        share.append(generator.beta(own, own, (slots, size)) if own else np.ones((slots, size)))
    where = batch.x.device
    return (
        torch.from_numpy(np.stack(partner)).to(where),
        torch.from_numpy(np.stack(share)).to(where, batch.x.dtype),
    )
