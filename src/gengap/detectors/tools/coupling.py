"""A normalising flow of affine couplings (RealNVP): an invertible map with a cheap determinant.

Each coupling leaves one half of the coordinates alone and moves the other by what it reads there,

    (a, b) -> (a, b exp(s(a)) + t(a)),      log |det| = Σ s(a),

and the halves change roles from one to the next. s and t come from a small network with one hidden
layer; s is bounded by tanh. All start as the identity.

Source: L. Dinh, J. Sohl-Dickstein, S. Bengio, Density estimation using Real NVP, ICLR 2017,
arXiv:1605.08803.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gengap.models.networks import Parameters

COUPLINGS, HIDDEN = 4, 64


def initial_couplings(width: int, generator: torch.Generator) -> Parameters:
    """Parameters of all couplings of ``width`` coordinates; the flow they make is the identity."""
    parameters: Parameters = {}
    for layer in range(COUPLINGS):
        moved = width - kept_coordinates(layer, width)
        reads = width - moved
        uniform = torch.rand((reads, HIDDEN), generator=generator)
        parameters[f"coupling{layer}.weight0"] = (2 * uniform - 1) / math.sqrt(max(reads, 1))
        parameters[f"coupling{layer}.bias0"] = torch.zeros(HIDDEN)
        parameters[f"coupling{layer}.weight1"] = torch.zeros(HIDDEN, 2 * moved)
        parameters[f"coupling{layer}.bias1"] = torch.zeros(2 * moved)
    return parameters


def kept_coordinates(layer: int, width: int) -> int:
    """How many coordinates a coupling leaves alone: the first half, or the second in odd layers."""
    return width - width // 2 if layer % 2 else width // 2


def flow(parameters: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    """Latents ``(n, d)`` of ``x (n, d)`` and the logarithm of the map's determinant ``(n,)``."""
    half = x.shape[1] // 2
    total = x.new_zeros(len(x))
    for layer in range(COUPLINGS):
        first, second = x[:, :half], x[:, half:]
        if layer % 2:
            first, stretch = _moved(parameters, layer, second, first)
        else:
            second, stretch = _moved(parameters, layer, first, second)
        x, total = torch.cat([first, second], 1), total + stretch
    return x, total


def _moved(parameters: Parameters, layer: int, read: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    weight0, bias0, weight1, bias1 = (
        parameters[f"coupling{layer}.{name}"] for name in ("weight0", "bias0", "weight1", "bias1")
    )
    hidden = torch.relu(torch.addmm(bias0, read, weight0))
    scale, shift = torch.addmm(bias1, hidden, weight1).chunk(2, 1)
    scale = torch.tanh(scale)
    return rows * scale.exp() + shift, scale.sum(1)
