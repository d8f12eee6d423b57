"""What recurrent networks share: a state that reads the row from the left, and says at each place.

    h_t = tanh(E[x_t] + U h_(t-1) + P r_(t-1)),        logits_t = W h_t + c,

where ``r`` is what is read from a memory, a stack or a tape, if there is one. The weights of all
runs are stacked; a step is one batched product.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import titled
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import Sizes, affine, answered, bounded, linear, looked_up, uniform


@dataclass(frozen=True)
class Recurrent:
    """A recurrent network, an :class:`~gengap.models.networks.Architecture`.

    Attributes:
        width: of the state.
    """

    width: int = 64
    called: ClassVar[str]

    @property
    def name(self) -> str:
        """With the options that are not at their defaults."""
        return titled(self.called, type(self), **asdict(self))

    @property
    def vectorises(self) -> bool:
        """Always."""
        return True

    def further_sizes(self) -> Sizes:
        """Sizes and bounds of the weights of a memory."""
        return {}

    @abstractmethod
    def states(self, parameters: Parameters, inputs: Tensor, tokens: Tensor) -> list[Tensor]:
        """The state after each token, ``(R, n, width)`` each.

        Args:
            inputs: ``(R, n, L, width)`` what each token adds to the state.
            tokens: ``(R, n, L)``.
        """

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Uniform in ``±1/sqrt(inputs)``, as PyTorch does."""
        bound = 1 / math.sqrt(self.width)
        sizes = {
            "table": ((outputs, self.width), bound),
            "recurrent": ((self.width, self.width), bound),
            **self.further_sizes(),
            **affine(self.width, outputs, "output"),
        }
        return uniform(sizes, seed)

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Read ``x (R, n, 2, L)`` from the left."""
        tokens = x[:, :, SLOTS]
        inputs = looked_up(parameters["table"], tokens)
        hidden = torch.stack(self.states(parameters, inputs, tokens), 2)
        return answered(hidden, linear(parameters, "output", hidden), x)

    def train(self, mode: bool) -> None:
        """Nothing to switch."""


def advanced(place: Tensor, seen: Tensor, weights: Tensor) -> Tensor:
    """The next state, of what the token adds ``(R, n, w)`` and what is seen ``(R, n, i)``."""
    return bounded(torch.baddbmm(place, seen, weights))
