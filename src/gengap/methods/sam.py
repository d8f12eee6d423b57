"""Sharpness-aware minimisation (SAM): descend on the worst loss within a small radius.

    min_θ  max_{|ε| <= ρ}  R(θ + ε).

To first order the worst ``ε`` points along the gradient, ``ε = ρ g / |g|`` with ``g = ∇R(θ)`` and
the norm over all parameters of a run; the step then uses the gradient at ``θ + ε``. Each step
therefore costs two passes over the batch.

Helps a little almost everywhere a network can overfit, since wide minima lose less when the loss
surface shifts. It uses no environment labels and cannot tell a shortcut from a cause. Hurts when
training is short: the same compute buys half as many steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, along_runs
from gengap.methods.erm import ERM
from gengap.methods.optimizers import run_norms
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters


@register(
    "sam",
    summary="steps along the gradient at the worst point nearby",
    paper=Paper(
        "Sharpness-aware minimization for efficiently improving generalization",
        "Foret, Kleiner, Mobahi, Neyshabur",
        2021,
        "https://arxiv.org/abs/2010.01412",
    ),
    passes=2.0,
)
@dataclass(frozen=True)
class SAM(ERM):
    """Sharpness-aware minimisation; with ``rho`` 0 it is plain training at twice the cost."""

    rho: float = hyperparameter(0.05, 1e-2, 1e-1, log=True, help="radius of the neighbourhood")

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the mean risk at the worst point within ``rho``."""
        slopes = super().gradients(network, batch, state)
        return super().gradients(climbed(network, slopes, self.rho), batch, state)


def climbed(network: Network, slopes: Parameters, radius: float | Tensor) -> Network:
    """The networks a ``radius (R,)`` along their gradients for a look, as leaves of a new graph."""
    length = run_norms(slopes)
    scale = torch.as_tensor(radius, device=length.device) / length.clamp(min=1e-12)
    return network.at(
        {
            name: (p.detach() + along_runs(scale, p) * slopes[name]).requires_grad_()
            for name, p in network.parameters.items()
        }
    ).still()
