"""Modules that ``--model`` names: a small convolutional network, and perceptrons with options.

They may normalise (``norm=batch``) and have another activation (``activation=smelu``); perceptrons
with neither are written out in :mod:`gengap.models.networks`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from gengap.base.errors import UsageError
from gengap.models.activations import ACTIVATIONS

NORMALISATIONS = ("batch", "layer", "group")
GROUPS = 8  # of a group normalisation, where they divide the channels


def built_mlp(
    shape: Sequence[int], outputs: int, widths: Sequence[int], norm: str, activation: str
) -> nn.Sequential:
    """A perceptron whose hidden layers are normalised before what follows them.

    Args:
        norm: ``"batch"``, ``"layer"`` or ``"group"``; empty for nothing.
        activation: ``"relu"``, ``"smelu"`` or ``"gelu"``.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, units in pairwise([math.prod(shape), *widths]):
        normalised = [_normalisation(norm, units, 0)] if norm else []
        layers += [nn.Linear(inputs, units), *normalised, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def small_cnn(
    shape: Sequence[int],
    outputs: int,
    norm: str = "",
    activation: str = "relu",
    channels: tuple[int, int] = (32, 64),
) -> nn.Module:
    """Two 3-wide convolutions, pooling, and a linear layer of 128 units.

    For images ``(c, h, w)`` and signals ``(c, length)``.

    Args:
        norm: what normalises after each convolution, ``"batch"``, ``"layer"`` or ``"group"``;
            empty for nothing.
        activation: as of :func:`built_mlp`.
        channels: of the convolutions.
    """
    if len(shape) not in (2, 3):
        raise UsageError(
            f"The CNN needs images (c, h, w) or signals (c, length); one example here has shape "
            f"{tuple(shape)}; use --model mlp."
        )
    if min(shape[1:]) < 2:
        raise UsageError(
            f"The CNN needs at least 2 pixels a side; one example here has shape {tuple(shape)}; "
            "use --model mlp."
        )
    plane, (first, second) = len(shape) == 3, channels
    conv: Any = nn.Conv2d if plane else nn.Conv1d
    pool: Any = nn.MaxPool2d if plane else nn.MaxPool1d
    squeeze: Any = nn.AdaptiveAvgPool2d if plane else nn.AdaptiveAvgPool1d
    side, active = 4, ACTIVATIONS[activation]

    def normalised(channels: int) -> list[nn.Module]:
        return [_normalisation(norm, channels, len(shape) - 1)] if norm else []

    return nn.Sequential(
        conv(shape[0], first, 3, padding=1),
        *normalised(first),
        active(),
        conv(first, second, 3, padding=1),
        *normalised(second),
        active(),
        pool(2),
        squeeze(side),
        nn.Flatten(),
        nn.Linear(second * side ** (2 if plane else 1), 128),
        active(),
        nn.Linear(128, outputs),
    )


def _normalisation(norm: str, channels: int, axes: int) -> nn.Module:
    """A layer over ``channels``; of maps with so many axes of positions."""
    if norm == "batch":
        kinds: list[Any] = [nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d]
        made: nn.Module = kinds[axes](channels)
        return made
    if norm == "layer" and not axes:
        return nn.LayerNorm(channels)
    # Of maps, all channels of an example together are one group.
    return nn.GroupNorm(math.gcd(GROUPS, channels) if norm == "group" else 1, channels)
