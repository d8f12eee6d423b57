"""A linear policy: clone the log without any hidden unit.

Preferences, or actions that are vectors, are a sum of what is seen,

    π(s) = W s + b,    L = 1/N Σ ℓ(π(s), a),

with cross-entropy or the squared error as in behaviour cloning, and ``W = b = 0`` before training.
The problem is convex, and the study's network stands idle.

Where it does as well as a network, the levels say nothing of networks: many a benchmark is solved
by linear policies. The source finds them by evolution; here the log tells what to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.registry import TRANSITIONS, register
from gengap.models.networks import Network, Output, Parameters

WEIGHT, BIAS = "policy.weight", "policy.bias"


@register(
    "bc-linear",
    summary="clones logged actions by a linear policy, to see whether levels need a network",
    paper=Paper(
        "Solving deep reinforcement learning benchmarks with linear policy networks",
        "Wong, de Nobel, Bäck, Plaat, Kononova",
        2024,
        "https://arxiv.org/abs/2402.06912",
    ),
    needs=(TRANSITIONS,),
    passes=0.0,
)
@dataclass(frozen=True)
class LinearCloning(Method):
    """Cloning without hidden units."""

    learning_rate: float = hyperparameter(1e-2, 1e-3, 1e-1, log=True, help="step size of AdamW")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The policy, which prefers nothing yet."""
        return {
            WEIGHT: torch.zeros(context.inputs, context.outputs),
            BIAS: torch.zeros(1, context.outputs),
        }

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss of cloning."""
        return batch.risks(self.output(network, batch.x).logits).mean(1)

    def output(self, network: Network, x: Tensor) -> Output:
        """What the policy says; what is seen are its features."""
        own, shape = network.parameters, x.shape[: x.dim() - len(network.shape)]
        rows = x.reshape(len(x), -1, math.prod(network.shape))
        said = torch.baddbmm(own[BIAS], rows, own[WEIGHT])
        return Output(rows.view(*shape, -1), said.view(*shape, -1))
