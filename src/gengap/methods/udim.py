"""Unknown domain inconsistency minimisation (UDIM): flat minima that perturbed inputs share.

SAM descends on the worst weights nearby, ``θ' = θ + ρ g / |g|``. That flattens the loss on the
training environments; in an unknown one the same weights may lie on a slope. Unknown environments
are crafted: every input moves the way that raises its loss at ``θ'``,

    x̃ = x + r ∇_x ℓ(x; θ') / |∇_x ℓ(x; θ')|,

which to first order is the way of ``R(θ) + ρ |∇_θ R(θ)|``, the batch's loss and its sharpness. Then
the inconsistency of both loss surfaces is minimised beside SAM's objective,

    min_θ  R(θ')  +  λ (R̃(θ') - R(θ'))  +  ν · mean over e of |v_e - ṽ_e|²,

with ``R̃`` the risk of the perturbed inputs and ``v``, ``ṽ`` the variances of the last layer's
gradients on the given and the perturbed ones, which stand for curvature (as in fishr).

Helps, like adversarial training, where environments differ by small changes of the inputs, and
asks for no environment labels. Hurts where a step of length ``r`` changes what an input is, and
when training is short: each step passes three times. ``r`` is measured in the standardised inputs
and decides everything; beyond the distance between classes nothing can be learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import gradients
from gengap.methods.batch import Batch, along_runs
from gengap.methods.erm import ERM
from gengap.methods.fishr import gradient_variance, residuals
from gengap.methods.registry import LINEAR_END, NUMERIC_INPUTS, ONE_TARGET, register
from gengap.methods.sam import SAM, climbed
from gengap.models.networks import Network, Parameters


@register(
    "udim",
    summary="finds flat minima that inputs moved the worst way share",
    paper=Paper(
        "Unknown domain inconsistency minimization for domain generalization",
        "Shin, Bae, Na, Kim, Moon",
        2024,
        "https://arxiv.org/abs/2403.07329",
    ),
    needs=(NUMERIC_INPUTS, LINEAR_END, ONE_TARGET),
    passes=3.0,
)
@dataclass(frozen=True)
class UDIM(SAM):
    """Sharpness on perturbed inputs; without ``radius`` it is SAM at another half of the cost."""

    radius: float = hyperparameter(
        0.5, 0.1, 2.0, log=True, help="how far an input moves, in standardised units"
    )
    inconsistency: float = hyperparameter(
        0.5, 0.1, 1.0, log=True, limit=1, help="share of the risk that the moved inputs have"
    )
    curvature: float = hyperparameter(
        1.0, 1e-2, 1e2, log=True, help="weight of the differences of gradient variances"
    )

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the objective at the worst point within ``rho``."""
        worst = climbed(network, ERM.gradients(self, network, batch, state), self.rho)
        x = batch.x.detach().clone().requires_grad_()
        features, logits = worst(x)
        risk = batch.risks(logits).mean(1)
        (uphill,) = torch.autograd.grad(risk.sum(), x, retain_graph=True)
        moved = moved_uphill(batch.x, uphill, self.radius)
        other_features, other_logits = worst(moved)
        apart = batch.risks(other_logits).mean(1) - risk
        bent = gradient_variance(features, residuals(logits, batch))
        other = gradient_variance(other_features, residuals(other_logits, batch))
        differences = (bent - other).square().sum(2).mean(1)
        total = risk + self.inconsistency * apart + self.curvature * differences
        return gradients(total.sum(), worst.parameters)


def moved_uphill(x: Tensor, slopes: Tensor, radius: float | Tensor) -> Tensor:
    """Inputs ``(R, E, B, *shape)``, each a ``radius (R,)`` along its slope."""
    length = slopes.flatten(3).norm(dim=-1).view(*x.shape[:3], *(1,) * (x.dim() - 3))
    return x + along_runs(radius, x) * slopes / length.clamp(min=1e-12)
