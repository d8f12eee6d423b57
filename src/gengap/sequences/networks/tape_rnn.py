"""A recurrent network with a tape that it writes to and moves along.

At each token the state reads the cell under the head, writes to it, and moves the head by a mixture
of five steps: to stay, one to the left, one to the right, or as many as the source is long, either
way,

    h_t = tanh(E[x_t] + U h_(t-1) + P m_(t-1)[0]),
    m_t = Σ_k softmax(A h_t)_k · move_k(m_(t-1) with tanh(D h_t) in its first cell),

where the tape turns under the head, which stays at the first cell. It is a circle of as many cells
as source and target have tokens.

Helps where what was read is needed again, in its own order or another: copying and what builds on
it. Hurts little but time: of the networks here it takes the most steps to train. Sources: Suzgun et
al. 2019; the long steps are of Delétang et al. 2023, arXiv:2207.02098.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.sequences.architectures import sequence_model
from gengap.sequences.recurrent import WithMemory
from gengap.sequences.vocabulary import PAD, SLOT


@sequence_model(
    "tape-rnn",
    summary="a recurrent network with a tape",
    paper=Paper(
        "Memory-augmented recurrent neural networks can learn generalized Dyck languages",
        "Suzgun, Gehrmann, Belinkov, Shieber",
        2019,
        "https://arxiv.org/abs/1911.03329",
    ),
)
@dataclass(frozen=True)
class TapeRNN(WithMemory):
    """A network with a tape.

    Attributes:
        width: of the state.
        cell: numbers in a cell of the tape.
    """

    called: ClassVar[str] = "tape-rnn"
    actions: ClassVar[int] = 5

    def empty(self, inputs: Tensor) -> Tensor:
        """As many cells as a row has tokens."""
        return inputs.new_zeros(*inputs.shape[:3], self.cell)

    def told(self, tokens: Tensor) -> Tensor:
        """Which cell lies under each place after each move."""
        return turned_places(tokens)

    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """Written to and turned."""
        return written(memory, mixed, value, told)


def turned_places(tokens: Tensor) -> Tensor:
    """Which cell lies under each place after each move, ``(R, n, 5, L)``; those beyond stay.

    Args:
        tokens: ``(R, n, L)`` as read, whose slots and padding tell the lengths.
    """
    real = tokens != PAD
    size = real.sum(-1)[..., None, None]
    source = (real & (tokens != SLOT)).sum(-1)
    still = torch.zeros_like(source)
    steps = torch.stack([still, still - 1, still + 1, -source, source], -1)[..., None]
    place = torch.arange(tokens.shape[-1], device=tokens.device)
    moved = (place + steps) % size.clamp(min=1)
    return torch.where(place < size, moved, place)


def written(tape: Tensor, move: Tensor, value: Tensor, turns: Tensor) -> Tensor:
    """The tape ``(R, n, L, k)`` after a value ``(R, n, k)`` was written and it was moved.

    Args:
        move: ``(R, n, 5)`` weights of the moves.
        turns: as :func:`turned_places` gives them.
    """
    tape = torch.cat([value[:, :, None], tape[:, :, 1:]], 2)
    # A mixture of permutations is one matrix (L, L) an example; its product with the tape turns it.
    mixture = torch.zeros(*turns.shape[:2], turns.shape[-1], turns.shape[-1], device=tape.device)
    weights = move[..., None].expand(-1, -1, -1, turns.shape[-1])
    mixture = mixture.scatter_add(-1, turns.transpose(2, 3), weights.transpose(2, 3))
    return mixture @ tape
