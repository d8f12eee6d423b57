"""Behaviour cloning: say what was done in the log when this was seen.

Maximum likelihood of the logged actions,

    L = -1/N Σ log π(a_i | s_i),    or    1/N Σ |π(s_i) - a_i|²  where actions are vectors,

which is plain training with actions as targets. It never asks what an action led to.

Helps when the log is by an expert, and holds up on unseen levels where enough different ones were
logged. Hurts when the log is by somebody mediocre: it becomes as mediocre.
"""

from __future__ import annotations

from dataclasses import dataclass

from gengap.base.paper import Paper
from gengap.methods.erm import ERM
from gengap.methods.registry import TRANSITIONS, register


@register(
    "bc",
    summary="behaviour cloning: plain training on the logged actions",
    paper=Paper(
        "Efficient training of artificial neural networks for autonomous navigation",
        "Pomerleau",
        1991,
        "https://doi.org/10.1162/neco.1991.3.1.88",
    ),
    needs=(TRANSITIONS,),
)
@dataclass(frozen=True)
class BC(ERM):
    """Plain training, under the name that control knows it by."""
