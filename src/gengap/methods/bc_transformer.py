"""Behaviour cloning by a transformer: say what was done after seeing and doing all this.

Plain cloning (:mod:`~gengap.methods.bc`) with the last steps of the episode in the place of the
last observation; the model is :mod:`~gengap.methods.sequence_model`'s without returns.

Helps where an observation does not tell all: what was seen before, or how the level answered to
what was done, tells the rest. Hurts where an observation tells all, since what else was done then
only correlates with the action, and may not at an unseen level.
"""

from __future__ import annotations

from dataclasses import dataclass

from gengap.base.paper import Paper
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.sequence_model import SequenceModel


@register(
    "bc-transformer",
    summary="clones logged actions by a transformer over the last steps of the episode",
    paper=Paper(
        "Decision transformer: reinforcement learning via sequence modeling",
        "Chen, Lu, Rajeswaran, Lee, Grover, Laskin, Abbeel, Srinivas, Mordatch",
        2021,
        "https://arxiv.org/abs/2106.01345",
    ),
    needs=(TRANSITIONS,),
)
@dataclass(frozen=True)
class BCTransformer(SequenceModel):
    """Cloning of actions by the history before them."""
