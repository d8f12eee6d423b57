"""A plain recurrent network: what was read so far is one vector.

    h_t = tanh(E[x_t] + U h_(t-1) + b),        logits_t = W h_t + c.

It runs a finite automaton of as many states as the vector can tell apart, so it is the one that
regular languages carry over to any length. Hurts where the answer needs to remember as much as was
read. Source: Elman 1990; the table by levels of the hierarchy is Delétang et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import sequence_model, titled
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import affine, answered, bounded, linear, looked_up, uniform


@sequence_model(
    "rnn",
    summary="a plain recurrent network",
    paper=Paper(
        "Finding structure in time", "Elman", 1990, "https://doi.org/10.1207/s15516709cog1402_1"
    ),
)
@dataclass(frozen=True)
class RNN:
    """Elman's network.

    Attributes:
        width: of the state.
    """

    width: int = 64

    @property
    def name(self) -> str:
        """With the options that are not at their defaults."""
        return titled("rnn", type(self), **asdict(self))

    @property
    def vectorises(self) -> bool:
        """Always."""
        return True

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Uniform in ``±1/sqrt(width)``, as PyTorch does."""
        bound = 1 / math.sqrt(self.width)
        sizes = {
            "table": ((outputs, self.width), bound),
            "recurrent": ((self.width, self.width), bound),
            **affine(self.width, outputs, "output"),
        }
        return uniform(sizes, seed)

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Read ``x (R, n, 2, L)`` from the left."""
        inputs = looked_up(parameters["table"], x[:, :, SLOTS])
        state = inputs.new_zeros(*inputs.shape[:2], self.width)
        states = []
        for place in inputs.unbind(2):
            state = bounded(torch.baddbmm(place, state, parameters["recurrent"]))
            states.append(state)
        hidden = torch.stack(states, 2)
        return answered(hidden, linear(parameters, "output", hidden), x)

    def train(self, mode: bool) -> None:
        """Nothing to switch."""
