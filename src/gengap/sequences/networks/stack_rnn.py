"""A recurrent network with a stack that it may push to, pop from, or leave.

At each token the state ``h`` reads the top of the stack, and a mixture of the three actions with
weights ``(a, b, c) = softmax(A h)`` moves every cell,

    h_t = tanh(E[x_t] + U h_(t-1) + P s_(t-1)[0]),
    s_t[i] = a · (v_t if i = 0 else s_(t-1)[i-1]) + b · s_(t-1)[i+1] + c · s_(t-1)[i],

with ``v_t = tanh(D h_t)`` the value pushed. The stack is as deep as the row is long, so nothing
ever falls off.

Helps where the answer is what was read, backwards, or where brackets must match: deterministic
context-free tasks carry over to lengths never seen. Hurts where two places must be read at once,
and it takes more steps to train than a plain network. Source: Joulin & Mikolov 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.sequences.architectures import sequence_model
from gengap.sequences.recurrent import WithMemory


@sequence_model(
    "stack-rnn",
    summary="a recurrent network with a stack",
    paper=Paper(
        "Inferring algorithmic patterns with stack-augmented recurrent nets",
        "Joulin, Mikolov",
        2015,
        "https://arxiv.org/abs/1503.01007",
    ),
)
@dataclass(frozen=True)
class StackRNN(WithMemory):
    """Joulin and Mikolov's network.

    Attributes:
        width: of the state.
        cell: numbers in a cell of the stack.
    """

    called: ClassVar[str] = "stack-rnn"
    actions: ClassVar[int] = 3

    def empty(self, inputs: Tensor) -> Tensor:
        """A cell more than there are tokens."""
        runs, n, length, _ = inputs.shape
        return inputs.new_zeros(runs, n, length + 1, self.cell)

    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """Pushed to, popped from and left."""
        return moved(memory, mixed, value, step + 2)


def moved(stack: Tensor, action: Tensor, value: Tensor, depth: int) -> Tensor:
    """The stack ``(R, n, D, k)`` after a mixture ``(R, n, 3)`` of push, pop and rest.

    Args:
        value: ``(R, n, k)`` what is pushed.
        depth: cells that may be filled then; those below are empty and stay so.
    """
    push, pop, rest = action[..., None, None].unbind(2)
    own = stack[:, :, :depth]
    above = torch.cat([value[:, :, None], own[:, :, :-1]], 2)
    below = torch.cat([own[:, :, 1:], torch.zeros_like(own[:, :, :1])], 2)
    found = push * above + pop * below + rest * own
    if depth >= stack.shape[2]:
        return found
    return torch.cat([found, stack[:, :, depth:]], 2)
