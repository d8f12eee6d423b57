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
import torch.nn.functional as F
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

    def empty(self, x: Tensor) -> Tensor:
        """As many cells as a row has tokens."""
        return x.new_zeros(len(x), x.shape[2], x.shape[1], self.cell)

    def told(self, tokens: Tensor) -> Tensor:
        """Which cell lies under each place after each move."""
        return turned_places(tokens)

    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """Written to and turned."""
        return turned(written(memory, value), mixed, told)

    def slopes(
        self, slope: Tensor, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of the tape before a step, of the five moves and of what is written."""
        down = turned(slope, mixed[..., BACK], told)
        writing = down[:, :, 0].clone()
        down[:, :, 0] = 0
        return down, agreement(slope, written(memory, value), told), writing


# The moves that undo the moves: of a permutation the transpose is the inverse.
BACK = [0, 2, 1, 4, 3]


def turned_places(tokens: Tensor) -> Tensor:
    """Which cell lies under each place after each move; those beyond the row stay.

    Args:
        tokens: ``(R, n, L)`` as read, whose slots and padding tell the lengths.

    Returns:
        ``(R n L, 5)`` numbers of cells, of all tapes one after another.
    """
    real = tokens != PAD
    size = real.sum(-1)[..., None, None]
    source = (real & (tokens != SLOT)).sum(-1)
    still = torch.zeros_like(source)
    steps = torch.stack([still, still - 1, still + 1, -source, source], -1)[..., None, :]
    place = torch.arange(tokens.shape[-1], device=tokens.device)[:, None]
    found = torch.where(place < size, (place + steps) % size.clamp(min=1), place).flatten(0, 1)
    tape = torch.arange(len(found), device=tokens.device).view(-1, 1, 1)
    return (found + tape * tokens.shape[-1]).flatten(0, 1)


def written(tape: Tensor, value: Tensor) -> Tensor:
    """The tape ``(R, n, L, k)`` with a value ``(R, n, k)`` under its head."""
    found = tape.clone()
    found[:, :, 0] = value
    return found


def turned(tape: Tensor, move: Tensor, places: Tensor) -> Tensor:
    """The tape ``(R, n, L, k)`` after a mixture of moves: at each place a sum of five cells.

    Args:
        move: ``(R, n, 5)`` weights of the moves.
        places: as :func:`turned_places` gives them.
    """
    weights = move[:, :, None].expand(-1, -1, tape.shape[2], -1).reshape(places.shape)
    cells = tape.reshape(len(places), -1)
    return F.embedding_bag(places, cells, mode="sum", per_sample_weights=weights).view(tape.shape)


def agreement(slope: Tensor, tape: Tensor, places: Tensor) -> Tensor:
    """Slopes of the moves, ``(R, n, 5)``: how much each one's tape agrees with the slope."""
    cells, own = tape.reshape(len(places), -1), slope.reshape(len(places), -1)
    found = [(cells.index_select(0, one) * own).view(*tape.shape[:2], -1) for one in places.T]
    return torch.stack([one.sum(-1) for one in found], -1)
