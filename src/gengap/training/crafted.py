"""Shifts crafted on validation inputs, so that what is validated on differs from training.

Every validation row is shown in one changed way, always the same one: its number says which, and
none is drawn, so that every run and every checkpoint answers the same questions. On inputs as the
network gets them, standardised:

    halved, half as large again, half a deviation more, half less, every other entry dropped,
    noise of half a deviation,

and of images and signals also smoothed (:func:`~gengap.methods.simulated_shifts.neighbours`) and
moved along by an eighth, zeros filling in. The mean over many rows is the mean over the ways.

Source: N. Efthymiadis, G. Tolias, O. Chum, Crafting distribution shifts for validation and training
in single source domain generalization, arXiv:2409.19774 (2024), whose list is of images alone and
longer. Methods that train on changes of the same kinds are flattered; the source deals kinds into
folds for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gengap.methods.simulated_shifts import neighbours
from gengap.training.views import FARTHEST

NOISE = 1 << 12  # numbers of the noise, which rows read from places of their own


def crafted(x: Tensor, rows: Tensor, axes: int) -> Tensor:
    """Inputs ``(R, n, *shape)`` of rows ``(R, n)``, each changed in the way of its number.

    Args:
        axes: of one example: 1 for a row of a table, 2 for a signal, 3 for an image.
    """
    ways = _ways(axes)
    which = (rows % len(ways)).view(*rows.shape, *(1,) * axes)
    noisy = x + _noise(x, rows // len(ways)) / 2
    found = torch.where(which == 0, noisy, x)
    for number, change in enumerate(ways[1:], start=1):
        found = torch.where(which == number, change(x), found)
    return found


def _ways(axes: int) -> list[Callable[[Tensor], Tensor]]:
    """What is done to inputs; the first stands for the noise."""
    common: list[Callable[[Tensor], Tensor]] = [
        lambda x: x, lambda x: x / 2, lambda x: x * 1.5, lambda x: x + 0.5, lambda x: x - 0.5,
        _halved,
    ]  # fmt: skip
    return common if axes == 1 else [*common, lambda x: neighbours(x, axes), _moved]


def _halved(x: Tensor) -> Tensor:
    """Every other entry of the last axis is 0, what all inputs are on average."""
    return torch.where(torch.arange(x.shape[-1], device=x.device) % 2 == 0, x, 0.0)


def _moved(x: Tensor) -> Tensor:
    """Moved along the last axis by an eighth, one at least."""
    by = max(1, x.shape[-1] // FARTHEST)
    return torch.nn.functional.pad(x[..., :-by], (by, 0))


def _noise(x: Tensor, numbers: Tensor) -> Tensor:
    """Normal noise shaped as ``x``, of each row by its number alone."""
    drawn = torch.randn(NOISE, generator=torch.Generator().manual_seed(0)).to(x.device)
    size = math.prod(x.shape[2:])
    # 1009 shares no divisor with 4096, so neighbours begin far apart.
    places = numbers[..., None] * 1009 + torch.arange(size, device=x.device)
    return drawn[places % NOISE].view(x.shape)
