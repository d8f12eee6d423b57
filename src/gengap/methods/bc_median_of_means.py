"""Behaviour cloning by the median of means: a few wrong demonstrations cannot move it.

The mean loss follows any demonstration that is wrong enough. Here a batch is cut at random into
blocks of ``b`` transitions, and instead of the mean of the blocks' mean losses something nearer
to their median is lowered: the mean of the middle half of them,

    L = 2/K Σ_{k = K/4}^{3K/4} L_(k),      L_(1) <= ... <= L_(K) mean losses of the K blocks.

The source follows the one block in the middle, and a second network that is held against it; the
middle half has the same tolerance up to a quarter of wrong blocks, and a much less noisy gradient.
With a share ``ε`` of transitions wrong, a block is right with chance ``(1 - ε)^b``, which has to
stay above three quarters: ``b = 2`` bears 13 %, ``b = 1`` 25 %.

Helps when part of the log was written by somebody else, or damaged. Hurts on a clean log: the
transitions it leaves aside are those it knows best, and those it knows least and should learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.registry import TRANSITIONS, register
from gengap.models.networks import Network


@register(
    "bc-median-of-means",
    summary="clones logged actions by the losses in the middle, so wrong ones do not count",
    paper=Paper(
        "Robust imitation learning from corrupted demonstrations",
        "Liu, Tang, Li, Luo",
        2022,
        "https://arxiv.org/abs/2201.12594",
    ),
    needs=(TRANSITIONS,),
)
@dataclass(frozen=True)
class MedianOfMeansBC(Method):
    """Cloning by the middle half of blocks of a batch."""

    block: int = hyperparameter(2, 1, 8, help="transitions in a block")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean of the middle half of the blocks' mean losses."""
        losses = batch.losses(network(batch.x).logits).flatten(1)
        return middle(blocks(losses, torch.as_tensor(self.block), batch.generators))


def blocks(losses: Tensor, size: Tensor, draws: Sequence[np.random.Generator]) -> Tensor:
    """Mean losses of random blocks, ``(R, n)``; infinite where a run has fewer.

    Args:
        losses: ``(R, n)``.
        size: ``(R,)`` how many make a block; the last may be smaller.
    """
    count = losses.shape[1]
    order = torch.from_numpy(np.stack([draw.permutation(count) for draw in draws]))
    size = along_runs(size.long().clamp(min=1), losses).to(losses.device)
    block = order.to(losses.device) // size
    sums = torch.zeros_like(losses).scatter_add(1, block, losses)
    sizes = torch.zeros_like(losses).scatter_add(1, block, torch.ones_like(losses))
    return torch.where(sizes > 0, sums / sizes.clamp(min=1), torch.inf)


def middle(means: Tensor) -> Tensor:
    """Mean of all but the lowest and the highest quarter, ``(R,)``; infinite ones do not count."""
    ranked = means.sort(1).values
    count = torch.isfinite(ranked).sum(1, keepdim=True)
    place, cut = torch.arange(means.shape[1], device=means.device), count // 4
    kept = (place >= cut) & (place < count - cut)
    return torch.where(kept, ranked, 0.0).sum(1) / kept.sum(1)
