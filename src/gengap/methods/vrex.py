"""Variance risk extrapolation (V-REx): make all environments equally hard.

If the shift to the unseen environment exaggerates the differences between the training
environments, then risks that do not differ cannot be pulled apart. V-REx penalises the variance
of the risks,

    min_θ  1/E Σ_e R_e  +  λ · 1/E Σ_e (R_e - R̄)²,        R̄ = 1/E Σ_e R_e,

the differentiable sibling of minimising the worst affine combination of risks.

Helps when a shortcut works better in some training environments than in others, and, unlike IRM,
also under a shift of the inputs. Hurts when environments differ in noise: equal risks can then
only be had by doing worse where the data are clean.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Annealed, annealed, rescaled
from gengap.methods.batch import Batch
from gengap.methods.registry import register
from gengap.models.networks import Network


@register(
    "vrex",
    summary="penalises the variance of the risks between environments",
    paper=Paper(
        "Out-of-distribution generalization via risk extrapolation (REx)",
        "Krueger, Caballero, Jacobsen, Zhang, Binas, Zhang, Le Priol, Courville",
        2021,
        "https://arxiv.org/abs/2003.00688",
    ),
    needs=("environment labels", "two or more training environments"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class VREx(Annealed):
    """Variance risk extrapolation; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(10.0, 1e-1, 1e5, log=True, help="weight of the risks' variance")
    anneal: float = hyperparameter(
        0.5, 0.0, 0.9, limit=1, help="share of the training before the penalty is switched on"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean and variance of the risks, rescaled."""
        risks = batch.risks(network(batch.x).logits)
        variance = risks.var(1, correction=0)
        return rescaled(risks.mean(1), annealed(self.penalty, self.anneal, batch), variance)
