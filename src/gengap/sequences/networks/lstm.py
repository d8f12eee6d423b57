"""LSTM and GRU: recurrent networks whose gates decide what is kept.

    i, f, o = σ(...),   c_t = f c_(t-1) + i tanh(...),   h_t = o tanh(c_t)      (LSTM),

in PyTorch's own kernels. The cell of an LSTM adds, so it can count, and some counter languages
carry over to lengths never seen. Hurts where a stack or a second look at the input is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from gengap.base.paper import Paper
from gengap.sequences.architectures import sequence_model, titled
from gengap.sequences.modules import TokenModule
from gengap.sequences.pairs import SLOTS


class Gated(nn.Module):
    """An embedding, a gated recurrent network, and a linear layer."""

    def __init__(
        self, kind: Callable[..., nn.RNNBase], outputs: int, width: int, layers: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(outputs, width)
        self.recurrent = kind(width, width, layers)
        self.output = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``(n, L, V)`` of ``tokens (n, L)``."""
        hidden = self.recurrent(self.embedding(tokens.T))[0]  # one place of all at a time
        found: Tensor = self.output(hidden.transpose(0, 1))
        return found


def _made(
    kind: Callable[..., nn.RNNBase], width: int, layers: int, shape: tuple[int, ...], outputs: int
) -> nn.Module:
    return Gated(kind, outputs, width, layers)


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
def lstm(width: int = 64, layers: int = 1) -> TokenModule:
    """An LSTM of some width and layers."""
    name = titled("lstm", lstm, width=width, layers=layers)
    return TokenModule(partial(_made, nn.LSTM, width, layers), name, SLOTS)


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
def gru(width: int = 64, layers: int = 1) -> TokenModule:
    """A GRU of some width and layers."""
    name = titled("gru", gru, width=width, layers=layers)
    return TokenModule(partial(_made, nn.GRU, width, layers), name, SLOTS)
