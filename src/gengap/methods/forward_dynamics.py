"""Forward dynamics first: foresee what will be seen, then clone.

The features ``φ`` learn to tell what is seen after an action, by a head ``f``,

    L = 1/N Σ |f(φ(s_i), a_i) - s'_i|² / D,

over transitions that end no episode. All that is seen counts, whether it bears on what is done or
not: of views with much detail that means nothing, the features keep the detail.

Helps where what is seen is short and all of it matters. Hurts where most of it does not: it is what
``inverse-dynamics`` is held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.methods.batch import Batch, Context
from gengap.methods.inverse_dynamics import PAPER
from gengap.methods.own_networks import drawn_own, said_by
from gengap.methods.practice import Transitions, as_vectors
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.representation_first import WIDTH, RepresentationFirst
from gengap.models.networks import Network, Parameters

HEAD = "forward"


@register(
    "forward-dynamics",
    summary="learns features by foreseeing what is seen next, then clones",
    paper=PAPER,
    needs=(TRANSITIONS, "hidden features"),
)
@dataclass(frozen=True)
class ForwardDynamics(RepresentationFirst):
    """Features that foresee."""

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The head that foresees."""
        return drawn_own(HEAD, context.features + context.outputs, context.inputs, WIDTH, generator)

    def first_loss(self, network: Network, batch: Batch, after: Transitions) -> Tensor:
        """Mean squared error of what is foreseen, ``(R, E, B)``."""
        done = as_vectors(after.action, batch.context.outputs)
        said = said_by(network, HEAD, torch.cat([network(batch.x).features, done], -1)).logits
        return (said - after.next_x.flatten(3)).square().mean(-1)
