"""A plain recurrent network: what was read so far is one vector.

    h_t = tanh(E[x_t] + U h_(t-1) + b),        logits_t = W h_t + c.

It runs a finite automaton of as many states as the vector can tell apart, so it is the one that
regular languages carry over to any length. Hurts where the answer needs to remember as much as was
read. Source: Elman 1990; the table by levels of the hierarchy is Delétang et al. 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gengap.base.paper import Paper
from gengap.sequences.architectures import sequence_model
from gengap.sequences.recurrent import Recurrent


@sequence_model(
    "rnn",
    summary="a plain recurrent network",
    paper=Paper(
        "Finding structure in time", "Elman", 1990, "https://doi.org/10.1207/s15516709cog1402_1"
    ),
)
@dataclass(frozen=True)
class RNN(Recurrent):
    """Elman's network."""

    called: ClassVar[str] = "rnn"
