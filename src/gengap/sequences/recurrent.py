"""What recurrent networks share: a state that reads the row from the left, and says at each place.

    h_t = tanh(E[x_t] + U h_(t-1) + P r_(t-1)),        logits_t = W h_t + c,

where ``r`` is what is read from a memory, a stack or a tape, if there is one. The weights of all
runs are stacked; a step is one batched product (:mod:`gengap.sequences.unrolled`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from gengap.models.networks import Output, Parameters
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import Sizes, affine, answered, looked_up, said, uniform
from gengap.sequences.stacked import Stacked
from gengap.sequences.unrolled import remembering_states, states


@dataclass(frozen=True)
class Recurrent(Stacked):
    """A recurrent network, an :class:`~gengap.models.networks.Architecture`.

    Attributes:
        width: of the state.
    """

    width: int = 64

    def stages(self, shape: Sequence[int]) -> int:
        """A pass takes a token at a time, and what it touches then is all that must be near."""
        return shape[-1]

    def own_sizes(self) -> Sizes:
        """Sizes and bounds of the weights that lead from state to state."""
        return {"recurrent": ((self.width, self.width), 1 / math.sqrt(self.width))}

    def states(self, parameters: Parameters, inputs: Tensor, tokens: Tensor) -> Tensor:
        """The state after each token, ``(R, L, n, width)``.

        Args:
            inputs: ``(R, L, n, width)`` what each token adds to the state.
            tokens: ``(R, n, L)``.
        """
        return states(inputs, parameters["recurrent"])

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Embeddings of deviation 1, layers uniform in ``±1/sqrt(inputs)``, as PyTorch does.

        With smaller embeddings the network is nearly linear at first and does not learn parity.
        """
        table = {"table": ((outputs, self.width), 3**0.5)}
        return uniform({**table, **self.own_sizes(), **affine(self.width, outputs, "output")}, seed)

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Read ``x (R, n, 2, L)`` from the left."""
        tokens = x[:, :, SLOTS]
        inputs = looked_up(parameters["table"], tokens.transpose(1, 2))
        found = self.states(parameters, inputs, tokens)
        logits = said(parameters, found)
        return answered(found.transpose(1, 2), logits.transpose(1, 2), x)


@dataclass(frozen=True)
class WithMemory(Recurrent):
    """A recurrent network with a memory, whose first cell it reads and which it changes.

    It is a :class:`~gengap.sequences.unrolled.Memory` itself.

    Attributes:
        width: of the state.
        cell: numbers in a cell.
        actions: what may be done to the memory; they are mixed.
    """

    cell: int = 8
    actions: ClassVar[int]

    @abstractmethod
    def empty(self, x: Tensor) -> Tensor:
        """The memory ``(R, n, cells, cell)`` at first, for ``x (R, L, n, w)``."""

    @abstractmethod
    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """The memory after a step."""

    @abstractmethod
    def slopes(
        self, slope: Tensor, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Slopes of what :meth:`changed` reads, of that of what it gives."""

    def told(self, tokens: Tensor) -> Any:
        """What the actions need to know of ``tokens (R, n, L)``."""

    def own_sizes(self) -> Sizes:
        """Also of what reads the memory, and of what changes it."""
        return {
            **super().own_sizes(),
            "read": ((self.cell, self.width), 1 / math.sqrt(self.cell)),
            **affine(self.width, self.actions + self.cell, "memory"),
        }

    def states(self, parameters: Parameters, inputs: Tensor, tokens: Tensor) -> Tensor:
        """With an empty memory at first."""
        return remembering_states(
            inputs,
            parameters["recurrent"],
            parameters["read"],
            parameters["memory.weight"],
            parameters["memory.bias"],
            self,
            self.told(tokens),
        )
