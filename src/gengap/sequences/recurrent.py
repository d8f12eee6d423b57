"""What recurrent networks share: a state that reads the row from the left, and says at each place.

    h_t = tanh(E[x_t] + U h_(t-1) + P r_(t-1)),        logits_t = W h_t + c,

where ``r`` is what is read from a memory, a stack or a tape, if there is one. The weights of all
runs are stacked; a step is one batched product.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gengap.models.networks import Output, Parameters
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import Sizes, affine, answered, bounded, layer, looked_up, uniform
from gengap.sequences.stacked import Stacked


@dataclass(frozen=True)
class Recurrent(Stacked):
    """A recurrent network, an :class:`~gengap.models.networks.Architecture`.

    Attributes:
        width: of the state.
    """

    width: int = 64

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
        return answered(hidden, layer(parameters, "output", hidden), x)


@dataclass(frozen=True)
class WithMemory(Recurrent):
    """A recurrent network with a memory, whose first cell it reads and which it changes.

    Attributes:
        width: of the state.
        cell: numbers in a cell.
        actions: what may be done to the memory; they are mixed.
    """

    cell: int = 8
    actions: ClassVar[int]

    @abstractmethod
    def empty(self, inputs: Tensor) -> Tensor:
        """The memory ``(R, n, cells, cell)`` at first, of ``inputs (R, n, L, width)``."""

    @abstractmethod
    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """The memory after a step.

        Args:
            mixed: ``(R, n, actions)`` weights of the actions.
            value: ``(R, n, cell)`` what is written.
            step: its number.
            told: what :meth:`told` found.
        """

    def told(self, tokens: Tensor) -> Any:
        """What the actions need to know of ``tokens (R, n, L)``."""

    def further_sizes(self) -> Sizes:
        """Of what reads the memory, and of what changes it."""
        return {
            "read": ((self.cell, self.width), 1 / math.sqrt(self.cell)),
            **affine(self.width, self.actions + self.cell, "memory"),
        }

    def states(self, parameters: Parameters, inputs: Tensor, tokens: Tensor) -> list[Tensor]:
        """With an empty memory at first."""
        state = inputs.new_zeros(*inputs.shape[:2], self.width)
        memory, told = self.empty(inputs), self.told(tokens)
        weights = torch.cat([parameters["recurrent"], parameters["read"]], 1)
        found = []
        for step, place in enumerate(inputs.unbind(2)):
            state = advanced(place, torch.cat([state, memory[:, :, 0]], -1), weights)
            found.append(state)
            said = layer(parameters, "memory", state)
            mixed, value = said[..., : self.actions].softmax(-1), bounded(said[..., self.actions :])
            memory = self.changed(memory, mixed, value, step, told)
        return found


def advanced(place: Tensor, seen: Tensor, weights: Tensor) -> Tensor:
    """The next state, of what the token adds ``(R, n, w)`` and what is seen ``(R, n, i)``."""
    return bounded(torch.baddbmm(place, seen, weights))
