"""Policies that draw their actions: how likely an action is, and how that follows the network.

Of numbered actions the network says preferences ``z`` and ``π(a|s)`` is their softmax. Of vectors
it says the middle ``μ`` of a normal distribution, whose deviation ``σ`` per component is learnt
beside it, the same everywhere. Slopes are written out:

    ∂ log π / ∂z = onehot(a) - π,     ∂H/∂z = -π (log π + H),
    ∂ log π / ∂μ = (a - μ) / σ²,      ∂ log π / ∂ log σ = (a - μ)² / σ² - 1,     ∂H/∂ log σ = 1.

Drawn vectors may lie beyond -1 and 1; whoever carries them out cuts them off there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gengap.methods.batch import Context
from gengap.models.networks import Network, Parameters

# Logarithms of the deviations (R, A); absent where actions are numbered.
DEVIATION = "exploration/log_deviation"
FIRST_DEVIATION = 0.5


def first_deviation(context: Context) -> Parameters:
    """What one run's deviations begin as; nothing where actions are numbered."""
    if context.task == "classification":
        return {}
    return {DEVIATION: torch.full((context.outputs,), math.log(FIRST_DEVIATION))}


def learnt_deviation(network: Network) -> Tensor | None:
    """Logarithms of the deviations ``(R, A)``; None where actions are numbered."""
    found = network.parameters.get(DEVIATION)
    return None if found is None else found.detach()


@torch.no_grad()
def drawn(
    said: Tensor, log_deviation: Tensor | None, draws: Sequence[np.random.Generator]
) -> Tensor:
    """An action for each place of ``said (R, n, A)``, by chance; each run has its own generator."""
    if log_deviation is not None:
        noise = np.stack([draw.normal(size=said.shape[1:]) for draw in draws]).astype(np.float32)
        return said + log_deviation.exp()[:, None] * torch.from_numpy(noise).to(said)
    uniform = np.stack([draw.random(said.shape[1]) for draw in draws]).astype(np.float32)
    below = _logarithms(said).exp().cumsum(-1) <= torch.from_numpy(uniform).to(said)[..., None]
    return below.sum(-1).clamp(max=said.shape[-1] - 1)


def log_chance(said: Tensor, action: Tensor, log_deviation: Tensor | None) -> Tensor:
    """``log π(a|s)`` of actions ``(R, n)`` or ``(R, n, A)``, up to a constant of densities."""
    if log_deviation is None:
        return _logarithms(said).gather(-1, action[..., None])[..., 0]
    spread = log_deviation[:, None]
    return -(((action - said) / spread.exp()).square() / 2 + spread).sum(-1)


def chance_slopes(
    said: Tensor, action: Tensor, log_deviation: Tensor | None, pull: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Slopes of ``Σ pull · log π(a|s)`` for ``said (R, n, A)`` and the deviations ``(R, A)``.

    Args:
        pull: ``(R, n)``.
    """
    pull = pull[..., None]
    if log_deviation is None:
        return (-_logarithms(said).exp() * pull).scatter_add_(-1, action[..., None], pull), None
    spread = log_deviation.exp()[:, None]
    scaled = (action - said) / spread
    return pull * scaled / spread, (pull * (scaled.square() - 1)).sum(1)


def entropy_slopes(said: Tensor, log_deviation: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Slopes of the mean entropy over ``n`` places for ``said (R, n, A)`` and the deviations."""
    if log_deviation is not None:
        return torch.zeros_like(said), torch.ones_like(log_deviation)
    logarithm = _logarithms(said)
    chance = logarithm.exp()
    entropy = -(chance * logarithm).sum(-1, keepdim=True)
    return -chance * (logarithm + entropy) / said.shape[1], None


def _logarithms(said: Tensor) -> Tensor:
    """``log π`` of preferences ``(R, n, A)``; a softmax over a short last axis is slow."""
    return said.movedim(-1, 1).log_softmax(1).movedim(1, -1)
