"""LSTM and GRU: recurrent networks whose gates decide what is kept.

    i, f, o = σ(...),   c_t = f c_(t-1) + i tanh(...),   h_t = o tanh(c_t)      (LSTM),

in PyTorch's own kernels. The cell of an LSTM adds, so it can count, and some counter languages
carry over to lengths never seen. Hurts where a stack or a second look at the input is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.models.networks import Parameters
from gengap.sequences.architectures import sequence_model
from gengap.sequences.parts import Sizes
from gengap.sequences.recurrent import Recurrent


@dataclass(frozen=True)
class Gated(Recurrent):
    """A recurrent network with gates, each run in a kernel of its own.

    Attributes:
        width: of the state.
        layers: how many, one upon the other.
        gates: of a layer, what is written among them.
    """

    layers: int = 1
    gates: ClassVar[int]

    @property
    def vectorises(self) -> bool:
        """PyTorch's kernel takes one run, and no other is faster."""
        return False

    def own_sizes(self) -> Sizes:
        """Of every layer, as PyTorch has them."""
        bound, rows = 1 / math.sqrt(self.width), self.gates * self.width
        sizes: Sizes = {}
        for number in range(self.layers):
            for side in ("inputs", "states"):
                sizes[f"layer{number}.{side}.weight"] = (rows, self.width), bound
            for side in ("inputs", "states"):
                sizes[f"layer{number}.{side}.bias"] = (rows,), bound
        return sizes

    def states(self, parameters: Parameters, inputs: Tensor, tokens: Tensor) -> Tensor:
        """By PyTorch's kernel, run by run."""
        weights = [parameters[name] for name in self.own_sizes()]
        # A lone run's are viewed, since the gradient of one of a stack is written into zeros.
        own = [[w.squeeze(0) for w in weights]] if len(inputs) == 1 else zip(*weights, strict=True)
        first = inputs.new_zeros(self.layers, inputs.shape[2], self.width)
        found = [self.unrolled(x, first, list(w)) for x, w in zip(inputs, own, strict=True)]
        return found[0][None] if len(found) == 1 else torch.stack(found)

    def unrolled(self, x: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
        """States ``(L, n, w)`` of one run.

        Args:
            x: ``(L, n, w)``.
            first: ``(layers, n, w)`` zeros.
            weights: as PyTorch orders them.
        """
        raise NotImplementedError


# With biases, without dropout, forwards, a place of all rows at a time.
SETTINGS = 0.0, False, False, False


@sequence_model(
    "lstm",
    summary="a recurrent network with gates and a cell that adds",
    paper=Paper(
        "Long short-term memory",
        "Hochreiter, Schmidhuber",
        1997,
        "https://doi.org/10.1162/neco.1997.9.8.1735",
    ),
)
@dataclass(frozen=True)
class LSTM(Gated):
    """Hochreiter and Schmidhuber's network."""

    called: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4

    def unrolled(self, x: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
        """States of one run."""
        kernel: Callable[..., Any] = torch.lstm
        found: Tensor = kernel(x, (first, first), weights, True, self.layers, *SETTINGS)[0]
        return found


@sequence_model(
    "gru",
    summary="a recurrent network with gates",
    paper=Paper(
        "Learning phrase representations using RNN encoder-decoder for statistical machine "
        "translation",
        "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio",
        2014,
        "https://arxiv.org/abs/1406.1078",
    ),
)
@dataclass(frozen=True)
class GRU(Gated):
    """Cho and others' network."""

    called: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    def unrolled(self, x: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
        """States of one run."""
        kernel: Callable[..., Any] = torch.gru
        found: Tensor = kernel(x, first, weights, True, self.layers, *SETTINGS)[0]
        return found
