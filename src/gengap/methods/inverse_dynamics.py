"""Inverse dynamics first: see what was done between two views, then clone.

The features ``φ`` learn to tell the action from what was seen before and after it, by a head ``g``,

    L = 1/N Σ ℓ(g(φ(s_i), φ(s'_i)), a_i),

over transitions that end no episode, as what is seen after an end is of no meaning; ``ℓ`` is the
cross-entropy, or the squared error where actions are vectors. What an agent wants cannot be seen in
that: the action follows from the two views whatever the task was, where cloning must average over
tasks that are not seen. And what moves with the agent's own actions is all that need be known.

Trained for a share of 1, the head labels logs that lack actions
(:func:`gengap.control.labelling.labelled`).

Helps where a log holds many tasks that are not told apart and there are few demonstrations of the
one wanted. Hurts where what decides is not moved by the agent: features may leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context
from gengap.methods.losses import cross_entropy
from gengap.methods.own_networks import drawn_own, said_by
from gengap.methods.practice import Transitions
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.representation_first import WIDTH, RepresentationFirst
from gengap.models.networks import Network, Parameters

PAPER = Paper(
    "Inverse dynamics pretraining learns good representations for multitask imitation",
    "Brandfonbrener, Nachum, Bruna",
    2023,
    "https://arxiv.org/abs/2305.16985",
)

HEAD = "inverse"


@register(
    "inverse-dynamics",
    summary="learns features by telling what was done between two views, then clones",
    paper=PAPER,
    needs=(TRANSITIONS, "hidden features"),
    passes=1.5,
)
@dataclass(frozen=True)
class InverseDynamics(RepresentationFirst):
    """Features that tell actions from what they changed."""

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The head that names actions."""
        return drawn_own(HEAD, 2 * context.features, context.outputs, WIDTH, generator)

    def first_loss(self, network: Network, batch: Batch, after: Transitions) -> Tensor:
        """How badly each action is told, ``(R, E, B)``."""
        said = done_between(network, batch.x, after.next_x)
        if after.action.is_floating_point():
            return (said - after.action).square().mean(-1)
        return cross_entropy(said, after.action)


def done_between(network: Network, x: Tensor, next_x: Tensor) -> Tensor:
    """What was done between two views ``(R, ..., *shape)``: logits or values ``(R, ..., A)``."""
    features = [network(view).features for view in (x, next_x)]
    return said_by(network, HEAD, torch.cat(features, -1)).logits
