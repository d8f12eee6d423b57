"""Shifts simulated on inputs, one environment to train on being enough.

Four factors, each with a strength ``a`` between 0 and 1, on inputs as the network gets them:

    scale    x (1 + s a)          offset   x + s a
    smooth   (1 - a) x + a x̄      drop     some entries 0, each with probability a / 2,

with ``s`` 1 or -1 (of the scale half of it) and ``x̄`` the mean of the neighbours along an image's
or a signal's axes, along the columns of a row. A simulated shift applies each factor to an example
or not by a coin, with a strength drawn anew. As an *intervention*, a factor is applied alone and in
full, the same way each time: then every other entry is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, register
from gengap.models.networks import Network

FACTORS = ("scale", "offset", "smooth", "drop")


@register(
    "simulated-shifts",
    summary="trains on inputs as they are and scaled, offset, smoothed or with entries dropped",
    paper=Paper(
        "Meta-causal learning for single domain generalization",
        "Chen, Gao, Wu, Luo",
        2023,
        "https://arxiv.org/abs/2304.03709",
    ),
    needs=(NUMERIC_INPUTS, ONE_TARGET),
    passes=2.0,
)
@dataclass(frozen=True)
class SimulatedShifts(Method):
    """Augmentation by the shifts, that the source's learning of causes is held against."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk of the inputs and of the shifted ones."""
        both = torch.stack([batch.x, shifted(batch, len(network.shape))], 1)
        one, other = network(both).logits.unbind(1)
        return (batch.risks(one) + batch.risks(other)).mean(1) / 2


def shifted(batch: Batch, axes: int) -> Tensor:
    """The batch's inputs under simulated shifts, drawn for each example."""
    x, size = batch.x, batch.x.shape[1:3]
    kinds = 2 * len(FACTORS) + 1
    drawn = np.stack([g.random((kinds, *size), np.float32) for g in batch.generators], 1)
    strengths = torch.from_numpy(drawn).to(x.device)
    lost = np.stack([g.random(x.shape[1:], np.float32) for g in batch.generators])
    wide = (*x.shape[:3], *(1,) * axes)
    scale, offset, smooth, drop = (
        torch.where(strengths[2 * k] < 0.5, strengths[2 * k + 1], 0.0).view(wide) for k in range(4)
    )
    sign = torch.where(strengths[-1] < 0.5, -1.0, 1.0).view(wide)
    x = x * (1 + sign * scale / 2) + sign * offset
    x = torch.lerp(x, neighbours(x, axes), smooth)
    return torch.where(torch.from_numpy(lost).to(x.device) < drop / 2, 0.0, x)


def intervened(x: Tensor, axes: int) -> Tensor:
    """Inputs ``(R, ..., *shape)`` under each factor alone, ``(R, 4, ..., *shape)``."""
    places = torch.arange(x.shape[-1], device=x.device)
    return torch.stack([x / 2, x + 1, neighbours(x, axes), torch.where(places % 2 == 0, x, 0.0)], 1)


def neighbours(x: Tensor, axes: int) -> Tensor:
    """Mean of the neighbours along the last axis, and along the one before it of an image.

    What lies at an edge has the other edge for a neighbour.
    """
    along = (-2, -1) if axes == 3 else (-1,)
    return torch.stack([x.roll(way, axis) for axis in along for way in (1, -1)]).mean(0)
