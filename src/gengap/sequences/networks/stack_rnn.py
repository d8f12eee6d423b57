"""A recurrent network with a stack that it may push to, pop from, or leave.

At each token the state ``h`` reads the top of the stack, and a mixture of the three actions with
weights ``(a, b, c) = softmax(A h)`` moves every cell,

    h_t = tanh(E[x_t] + U h_(t-1) + P s_(t-1)[0]),
    s_t[i] = a · (v_t if i = 0 else s_(t-1)[i-1]) + b · s_(t-1)[i+1] + c · s_(t-1)[i],

with ``v_t = tanh(D h_t)`` the value pushed. The stack gets a cell deeper with each token, so
nothing ever falls off.

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

    def empty(self, x: Tensor) -> Tensor:
        """One cell, which is empty; each step adds one."""
        return x.new_zeros(len(x), x.shape[2], 1, self.cell)

    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """Pushed to, popped from and left, with a cell more."""
        return moved(memory, mixed, value)

    def slopes(
        self, slope: Tensor, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of the stack before a step, of the three actions and of what is pushed."""
        return moved_slopes(slope, memory, mixed, value)


def moved(stack: Tensor, action: Tensor, value: Tensor) -> Tensor:
    """The stack ``(R, n, D + 1, k)`` after a mixture ``(R, n, 3)`` of push, pop and rest.

    Args:
        stack: ``(R, n, D, k)``; the cells below are empty.
        value: ``(R, n, k)`` what is pushed.
    """
    push, pop, rest = action[..., None, None].unbind(2)
    depth = stack.shape[2]
    found = stack.new_empty(*stack.shape[:2], depth + 1, stack.shape[3])
    torch.mul(stack, push, out=found[:, :, 1:])
    torch.mul(value, push[..., 0], out=found[:, :, 0])
    found[:, :, :depth].addcmul_(stack, rest)
    found[:, :, : depth - 1].addcmul_(stack[:, :, 1:], pop)
    return found


def moved_slopes(
    slope: Tensor, stack: Tensor, action: Tensor, value: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes of what :func:`moved` reads, of that ``(R, n, D + 1, k)`` of what it gives."""
    push, pop, rest = action[..., None, None].unbind(2)
    depth = stack.shape[2]
    above, own, below = slope[:, :, 1:], slope[:, :, :depth], slope[:, :, : depth - 1]
    down = (above * push).addcmul_(own, rest)
    down[:, :, 1:].addcmul_(below, pop)
    actions = torch.empty_like(action)
    actions[..., 0] = (above * stack).sum((2, 3)) + (slope[:, :, 0] * value).sum(2)
    actions[..., 1] = (below * stack[:, :, 1:]).sum((2, 3))
    actions[..., 2] = (own * stack).sum((2, 3))
    return down, actions, slope[:, :, 0] * push[..., 0]
