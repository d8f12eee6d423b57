"""Gradient regularisation: penalise the length of the gradient, by finite differences.

Minima whose neighbourhood is flat have small gradients around them, so

    min_θ  R(θ)  +  γ/2 |∇R(θ)|².

The penalty's gradient is ``H ∇R``, a Hessian times a vector, which needs a second backward pass.
A step of ascent gives it by a difference of plain gradients,

    H ∇R  ≈  (∇R(θ + ε ∇R(θ)) - ∇R(θ)) / ε,

exactly so where ``R`` is quadratic. Elsewhere a large ``ε`` is no worse approximation but another
method: it looks past the nearest ripples, and generalises better than the exact penalty does. With
``γ = ε`` what is left is the gradient at ``θ + ε ∇R``, SAM without the length divided out.

Helps a little where networks overfit, like SAM, and mostly where the learning rate is too small to
be an implicit penalty of the same kind. Hurts in short trainings: the same compute buys half as
many steps. Gradients shrink as training goes on and the penalty with them; ``γ`` beyond a few
times the curvature's inverse makes the step diverge.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, along_runs
from gengap.methods.erm import ERM
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters


@register(
    "gradient-regularisation",
    summary="penalises the length of the gradient, found by a step uphill",
    paper=Paper(
        "Understanding gradient regularization in deep learning: efficient finite-difference "
        "computation and implicit bias",
        "Karakida, Takase, Hayase, Osawa",
        2023,
        "https://arxiv.org/abs/2210.02720",
    ),
    passes=2.0,
)
@dataclass(frozen=True)
class GradientRegularisation(ERM):
    """A penalty on the gradient; with ``penalty`` 0 plain training at twice the cost."""

    penalty: float = hyperparameter(
        0.05, 1e-3, 0.5, log=True, help="weight of half the gradient's squared length"
    )
    ascent: float = hyperparameter(
        0.05, 1e-3, 0.5, log=True, help="size of the step uphill, in gradients"
    )

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the risk and, by a finite difference, of the penalty."""
        here = super().gradients(network, batch, state)
        above = network.at(
            {
                name: (p.detach() + along_runs(self.ascent, p) * here[name]).requires_grad_()
                for name, p in network.parameters.items()
            }
        ).still()
        there = super().gradients(above, batch, state)
        return {
            name: g
            + along_runs(self.penalty, g)
            * ((there[name] - g) / along_runs(self.ascent, g).clamp(min=1e-12))
            for name, g in here.items()
        }
