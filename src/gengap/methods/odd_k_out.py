"""Odd-k-out (OKO): cross-entropy of sets, whose majority is to be named.

Instead of single examples the network learns from sets of three: two of one class and one odd
one of another. The logits of a set are the sum of its members', and its class is that of the pair,

    min_θ  mean over sets {i, j, o} of  ℓ( f(x_i) + f(x_j) + f(x_o), y ),    y_i = y_j = y ≠ y_o.

Each example's logits need only be right together with others', and odd ones pull towards other
classes, so that logits stay small and probabilities calibrated without temperature or smoothing;
correlations across examples are learned as well. New inputs are predicted one by one as usual.

Every example of the batch is the first of one set; its partner and its odd one are drawn from the
whole batch, environments mixed. An example without a partner or without an odd one makes no set.
The paper finds that one odd example does as well as more.

Helps calibration, most with few examples and uneven classes. Hurts accuracy with many classes and
small batches, since there are hardly any pairs, and nothing in it distinguishes environments. It
has nothing to tune but the batch size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.losses import cross_entropy
from gengap.methods.registry import ONE_TARGET, register
from gengap.models.networks import Network


@register(
    "odd-k-out",
    summary="learns from sets of three to name the class that two have",
    paper=Paper(
        "Set learning for accurate and calibrated models",
        "Muttenthaler, Vandermeulen, Zhang, Unterthiner, Müller",
        2024,
        "https://arxiv.org/abs/2307.02245",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET,),
)
@dataclass(frozen=True)
class OddKOut(Method):
    """Learning from sets of two and one."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss of the sets."""
        logits, y = network(batch.x).logits.flatten(1, 2), batch.y.flatten(1)
        shape = 2, y.shape[1]
        keys = torch.from_numpy(np.stack([g.random(shape) for g in batch.generators]))
        partner, odd, there = companions(y, keys.to(y.device))
        wide = (*y.shape, logits.shape[-1])
        summed = (
            logits
            + logits.gather(1, partner[..., None].expand(wide))
            + logits.gather(1, odd[..., None].expand(wide))
        )
        losses = cross_entropy(summed, y) * there
        return losses.sum(1) / there.sum(1).clamp(min=1)


def companions(y: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every example another of its class, one of another class, and whether both exist.

    Each is the next one around a circle on which examples lie at random.

    Args:
        y: classes ``(R, n)``.
        keys: ``(R, 2, n)`` places on two circles of length 1.
    """
    ahead = (keys[:, :, None] - keys[..., None]) % 1.0  # from the row's to the column's
    same = y[:, :, None] == y[:, None]
    itself = torch.eye(y.shape[1], dtype=torch.bool, device=y.device)
    another = same & ~itself
    partner = ahead[:, 0].masked_fill(~another, 2.0).argmin(-1)
    odd = ahead[:, 1].masked_fill(same, 2.0).argmin(-1)
    return partner, odd, another.any(-1) & (~same).any(-1)
