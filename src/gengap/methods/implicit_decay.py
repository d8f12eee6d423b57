"""Hyperparameters by implicit differentiation: every weight's decay, tuned on other environments.

Each step sets one environment of the batch aside, in turn. The weights ``θ`` train on the others
under a decay of their own each,

    L_T(θ, λ) = mean risk of the others + 1/2 Σ_i e^{λ_i} θ_i²,

and the decays are to make the best response ``θ*(λ)`` good on the environment set aside, ``L_V``.
By the implicit function theorem the slope of ``L_V(θ*(λ))`` needs no look back at training,

    dL_V/dλ = - (∇_θ L_V)' H⁻¹ ∂²L_T/∂θ∂λ,         ∂²L_T/∂θ_i∂λ_i = e^{λ_i} θ_i,

with ``H`` the Hessian of ``L_T``, whose inverse is a Neumann series cut after two terms beyond the
first,

    H⁻¹ v ≈ α (v + (I - αH) v + (I - αH)² v),

each a difference of two gradients. Decays then take a step of a given root mean square in every
tensor; there are as many of them as weights, which no search could tune.

Helps where weights that serve a shortcut are others than those that serve the target: what does not
carry over to the next environment decays. Hurts with few steps, as decays act over many, and costs
three passes a step. The rate of the decays matters: too fast, they follow the noise of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method, gradients
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.optimizers import run_norms
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters

TERMS = 2
LOWEST, FIRST, HIGHEST = -12.0, -7.0, 0.0  # logarithms of decays
STRETCH = 1e-2  # length of the step by which gradients are compared


@register(
    "implicit-decay",
    summary="tunes every weight's decay on the environment that a step sets aside",
    paper=Paper(
        "Optimizing millions of hyperparameters by implicit differentiation",
        "Lorraine, Vicol, Duvenaud",
        2020,
        "https://arxiv.org/abs/1911.02590",
    ),
    needs=("environment labels", "two or more training environments"),
    passes=1.0 + TERMS,
    minimum_environments=2,
)
@dataclass(frozen=True)
class ImplicitDecay(Method):
    """Decays as hyperparameters; with ``decay_rate`` 0 they stay small and equal."""

    decay_rate: float = hyperparameter(
        0.03, 3e-3, 0.3, log=True, help="how far the logarithms of decays move in a step"
    )
    response: float = hyperparameter(
        0.1, 1e-2, 0.5, log=True, help="factor of the Neumann series, below 2 over the curvature"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Logarithms of the decays, one tensor for each parameter."""
        return {name: torch.full_like(p.detach(), FIRST) for name, p in parameters.items()}

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the others' risk with its decay; the decays move on the way."""
        theta = {name: p.detach() for name, p in network.parameters.items()}
        aside = batch.step % batch.y.shape[1]

        def slopes(at: Network) -> tuple[Parameters, Tensor]:
            risks = batch.risks(at(batch.x).logits)
            others = (risks.sum(1) - risks[:, aside]) / max(risks.shape[1] - 1, 1)
            return gradients_kept(others, at.parameters), risks[:, aside]

        here, left = slopes(network)
        uphill = gradients(left.sum(), network.parameters)
        decay = {name: value.exp() for name, value in state.items()}

        def curved(vector: Parameters) -> Parameters:
            scale = STRETCH / run_norms(vector).clamp(min=1e-12)
            moved = {
                name: (p + along_runs(scale, p) * vector[name]).requires_grad_()
                for name, p in theta.items()
            }
            there, _ = slopes(network.at(moved).still())
            return {
                name: (g - here[name]) / along_runs(scale, g) + decay[name] * vector[name]
                for name, g in there.items()
            }

        answer = neumann(uphill, curved, self.response)
        for name, value in theta.items():
            slope = -answer[name] * decay[name] * value
            length = slope.flatten(1).square().mean(1).sqrt().clamp(min=1e-20)
            step = along_runs(torch.as_tensor(self.decay_rate) / length, slope) * slope
            state[name] = (state[name] - step).clamp(LOWEST, HIGHEST)
        return {name: g + decay[name] * theta[name] for name, g in here.items()}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk of the environments that are not set aside, and the decay's penalty."""
        risks = batch.risks(network(batch.x).logits)
        aside = batch.step % risks.shape[1]
        others = (risks.sum(1) - risks[:, aside]) / max(risks.shape[1] - 1, 1)
        parts = [
            (state[name].exp() * p.square()).flatten(1).sum(1)
            for name, p in network.parameters.items()
        ]
        return others + torch.stack(parts).sum(0) / 2


def gradients_kept(values: Tensor, parameters: Parameters) -> Parameters:
    """Gradients of a sum over runs, whose graph is kept for another gradient."""
    found = torch.autograd.grad(
        values.sum(), list(parameters.values()), retain_graph=True, allow_unused=True
    )
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(parameters.items(), found, strict=True)
    }


def neumann(
    vector: Parameters,
    curved: Callable[[Parameters], Parameters],
    factor: float | Tensor,
    terms: int = TERMS,
) -> Parameters:
    """``H⁻¹ v`` by the first terms of its series.

    Args:
        curved: makes ``H v`` of ``v``.
        factor: ``(R,)``, ``α``.
        terms: beyond the first.
    """
    term = total = vector
    for _ in range(terms):
        product = curved(term)
        term = {name: v - along_runs(factor, v) * product[name] for name, v in term.items()}
        total = {name: v + term[name] for name, v in total.items()}
    return {name: along_runs(factor, v) * v for name, v in total.items()}
