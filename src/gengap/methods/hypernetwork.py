"""Behaviour cloning by a hypernetwork: the context makes the policy, the state is given to it.

Beside the state ``s`` an agent sees the parameters ``c`` of the system it acts in. A network that
gets both as one input has to learn how they act together. Here the context is all that a network
``H`` gets, and what it says are the weights of a small policy, which alone sees the state,

    (W, v, U, w) = H(c),    π(s; c) = U relu(W s + v) + w,    L = 1/N Σ ℓ(π(s; c), a),

with 32 hidden units and ``ℓ`` the cross-entropy or, where actions are vectors, the squared error.
``H`` has the study's architecture; what it says of ``W`` and ``U`` is scaled as weights of layers
of their widths usually are. The source also generates values, and trains on both by a consistency
of temporal differences; of near-optimal logs, which it assumes as well, the supervised part is
enough to clone.

Helps where what is best depends on the context as a whole, and contexts are many. Hurts with few:
``H`` sees as many different inputs as there are contexts, however long the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.registry import CONTEXTS, TRANSITIONS, register
from gengap.models.networks import Network, Output, Parameters

HYPER, STATES = "hyper", "states"
HIDDEN = 32
# A fresh network says numbers near 0.15; times this they are near 1.
GAIN = 6.0


@register(
    "hypernetwork",
    summary="clones logged actions by a policy whose weights a network makes of the context",
    paper=Paper(
        "Hypernetworks for zero-shot transfer in reinforcement learning",
        "Rezaei-Shoshtari, Morissette, Hogan, Dudek, Meger",
        2023,
        "https://arxiv.org/abs/2211.15457",
    ),
    needs=(TRANSITIONS, CONTEXTS),
)
@dataclass(frozen=True)
class Hypernetwork(Method):
    """Cloning by policies made of contexts."""

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """What says the weights of a policy."""
        states = context.inputs - context.told
        return {HYPER: (0, (states + 1) * HIDDEN + (HIDDEN + 1) * context.outputs)}

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """How many inputs are the state's, ``(R,)``, which prediction has to know."""
        runs = len(next(iter(parameters.values())))
        return {STATES: torch.full((runs,), float(context.inputs - context.told))}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss of cloning."""
        return batch.risks(made_of_contexts(network, batch.x, state[STATES]).logits).mean(1)

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The networks', and how many inputs are the state's."""
        return {**network.parameters, STATES: state[STATES]}

    def output(self, network: Network, x: Tensor) -> Output:
        """What the policy of each input's context says of its state; hidden units are features."""
        return made_of_contexts(network, x, network.parameters[STATES])


def made_of_contexts(network: Network, x: Tensor, states: Tensor) -> Output:
    """Make a policy of the context in each of ``x (R, ..., *shape)``, and ask it about the rest.

    Args:
        states: ``(R,)`` how many of the inputs are the state's, the same in all runs.
    """
    count = int(states[0])
    flat = x.flatten(x.dim() - len(network.shape))
    told = flat.clone()
    told[..., :count] = 0
    weights = network.branch(HYPER)(told.view(x.shape)).logits
    return answered(flat[..., :count], weights)


def answered(state: Tensor, weights: Tensor) -> Output:
    """Hidden units ``(..., 32)`` and answers ``(..., A)`` of policies, each to its own state.

    Args:
        state: ``(..., S)``.
        weights: ``(..., (S + 1) 32 + 33 A)``, of the hidden layer, its biases, and of the answers.
    """
    count = state.shape[-1]
    outputs = (weights.shape[-1] - (count + 1) * HIDDEN) // (HIDDEN + 1)
    sizes = count * HIDDEN, HIDDEN, HIDDEN * outputs, outputs
    inner, shift, outer, bias = (weights * GAIN).split(sizes, -1)
    inner = inner.unflatten(-1, (count, HIDDEN)) / count**0.5
    hidden = torch.relu((state[..., None] * inner).sum(-2) + shift)
    outer = outer.unflatten(-1, (HIDDEN, outputs)) / HIDDEN**0.5
    return Output(hidden, (hidden[..., None] * outer).sum(-2) + bias)
