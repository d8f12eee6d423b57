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
    size = y.shape[1]
    partner = _next_alike(y, keys[:, 0])
    around = keys[:, 1].argsort(1)
    classes = y.gather(1, around)
    # Around the circle twice, where each stretch of one class ends.
    twice = torch.cat([classes, classes, classes[:, :1]], 1)
    ends = torch.arange(1, 2 * size + 1, device=y.device)
    ends = torch.where(twice[:, 1:] != twice[:, :-1], ends, 2 * size)
    after = ends.flip(1).cummin(1).values.flip(1)[:, :size] % size
    odd = torch.empty_like(partner).scatter_(1, around, around.gather(1, after))
    there = (partner != torch.arange(size, device=y.device)) & (y.gather(1, odd) != y)
    return partner, odd, there


def _next_alike(y: Tensor, keys: Tensor) -> Tensor:
    """The next one of the same class around a circle, or itself, for ``(R, n)`` classes."""
    order = keys.argsort(1)
    order = order.gather(1, y.gather(1, order).argsort(stable=True, dim=1))
    classes = y.gather(1, order)
    first = torch.searchsorted(classes, classes)
    last = torch.searchsorted(classes, classes, right=True) - 1
    place = torch.arange(y.shape[1], device=y.device).expand_as(y)
    following = torch.where(place == last, first, place + 1)
    return torch.empty_like(order).scatter_(1, order, order.gather(1, following))
