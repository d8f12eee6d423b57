"""Recurrent networks of many runs through time and back, with the backward pass written out.

Forth, with ``m`` the memory of a network that has one and ``r`` its first cell,

    h_t = tanh(x_t + U h_(t-1) + P r_(t-1)),
    (a_t, v_t) = (softmax, tanh)(A h_t + b),     m_t = changed(m_(t-1), a_t, v_t),

and back, with ``H`` and ``M`` the slopes of states and of memories,

    (M_(t-1), a', v') = what ``changed`` gives of M_t,       E_t = (H_t + Aᵀ s) (1 - h_t²),
    H_(t-1) += Uᵀ E_t,       M_(t-1)[first cell] += Pᵀ E_t,

with ``s`` the slopes ``a'`` and ``v'`` before softmax and tanh. Slopes of weights are sums over
time, one product each. Autograd finds the same with five times the steps, and keeps every step's
every intermediate result, so that only two runs with a stack would fit in the cache; here a run
keeps states and memories. States lie as ``(R, L, n, w)``, so that a run's are one matrix.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Memory(Protocol):
    """What a network writes to and reads the first cell of."""

    actions: ClassVar[int]

    @property
    def cell(self) -> int:
        """Numbers in a cell."""
        ...

    def empty(self, x: Tensor) -> Tensor:
        """The memory at first, ``(R, n, cells, cell)``, for ``x (R, L, n, w)``."""
        ...

    def changed(self, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any) -> Tensor:
        """The memory after a step.

        Args:
            mixed: ``(R, n, actions)`` weights of the actions.
            value: ``(R, n, cell)`` what is written.
            step: its number.
            told: what the actions need to know of the tokens.
        """
        ...

    def slopes(
        self, slope: Tensor, memory: Tensor, mixed: Tensor, value: Tensor, step: int, told: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Slopes of the memory before a step, of ``mixed`` and ``value``, of that after it."""
        ...


def states(x: Tensor, recurrent: Tensor) -> Tensor:
    """The state after each token, ``(R, L, n, w)``.

    Args:
        x: ``(R, L, n, w)`` what each token adds to the state.
        recurrent: ``(R, w, w)``.
    """
    found: Tensor = _Plain.apply(x, recurrent)
    return found


def remembering_states(
    x: Tensor,
    recurrent: Tensor,
    read: Tensor,
    weight: Tensor,
    bias: Tensor,
    memory: Memory,
    told: Any,
) -> Tensor:
    """The state of a network with a memory after each token, ``(R, L, n, w)``.

    Args:
        x: ``(R, L, n, w)`` what each token adds to the state.
        recurrent: ``(R, w, w)``, and ``read (R, cell, w)`` of the first cell.
        weight: ``(R, w, actions + cell)`` of what is done, and ``bias (R, 1, actions + cell)``.
        told: as :meth:`Memory.changed` reads it.
    """
    found: Tensor = _Remembering.apply(x, recurrent, read, weight, bias, memory, told)
    return found


def _tanh_(x: Tensor) -> Tensor:
    """In place, of half of ``x``: by way of a sigmoid, which costs an eighth."""
    return x.sigmoid_().mul_(2).sub_(1)


def _before(states: Tensor) -> Tensor:
    """Room for states, ``(R, L + 1, n, w)`` of ``(R, L, n, w)``; the first are 0."""
    runs, length, n, width = states.shape
    room = states.new_empty(runs, length + 1, n, width)
    room[:, 0] = 0
    return room


class _Plain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, recurrent: Tensor) -> Tensor:
        room = _before(x)
        for step in range(x.shape[1]):
            own = torch.baddbmm(x[:, step], room[:, step], recurrent, beta=2, alpha=2)
            room[:, step + 1] = _tanh_(own)
        ctx.save_for_backward(room, recurrent)
        return room[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        room, recurrent = ctx.saved_tensors
        back, found = recurrent.transpose(1, 2), torch.empty_like(room[:, 1:])
        for step in range(slope.shape[1] - 1, -1, -1):
            own = slope[:, step]
            if step + 1 < slope.shape[1]:
                own = torch.baddbmm(own, found[:, step + 1], back)
            found[:, step] = torch.ops.aten.tanh_backward(own, room[:, step + 1])
        return found, _joined(room[:, :-1], found)


class _Remembering(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        recurrent: Tensor,
        read: Tensor,
        weight: Tensor,
        bias: Tensor,
        memory: Memory,
        told: Any,
    ) -> Tensor:
        runs, length, n, _ = x.shape
        room, actions = _before(x), memory.actions
        said = x.new_empty(runs, length, n, actions + memory.cell)
        memories = [memory.empty(x)]
        for step in range(length):
            own = torch.baddbmm(x[:, step], room[:, step], recurrent, beta=2, alpha=2)
            own.baddbmm_(memories[-1][:, :, 0], read, alpha=2)
            room[:, step + 1] = _tanh_(own)
            both = torch.baddbmm(bias, own, weight)
            here = said[:, step]
            here[..., :actions] = both[..., :actions].softmax(-1)
            here[..., actions:] = _tanh_(both[..., actions:].mul_(2))
            memories.append(
                memory.changed(memories[-1], here[..., :actions], here[..., actions:], step, told)
            )
        ctx.save_for_backward(room, recurrent, read, weight, said, *memories[:-1])
        ctx.memory, ctx.told = memory, told
        return room[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        room, recurrent, read, weight, said, *memories = ctx.saved_tensors
        memory, actions = ctx.memory, ctx.memory.actions
        through, from_cell, from_said = (w.transpose(1, 2) for w in (recurrent, read, weight))
        found, slopes = torch.empty_like(room[:, 1:]), torch.zeros_like(said)
        down: Tensor | None = None  # slopes of the memory after a step
        for step in range(slope.shape[1] - 1, -1, -1):
            own, here = slope[:, step], slopes[:, step]
            mixed, value = said[:, step, :, :actions], said[:, step, :, actions:]
            if down is not None:
                own = torch.baddbmm(own, found[:, step + 1], through)
                down, mixing, writing = memory.slopes(
                    down, memories[step], mixed, value, step, ctx.told
                )
                mean = (mixed * mixing).sum(-1, keepdim=True)
                here[..., :actions] = mixing.sub_(mean).mul_(mixed)
                here[..., actions:] = torch.ops.aten.tanh_backward(writing, value)
                own.baddbmm_(here, from_said)
            else:
                down = torch.zeros_like(memories[step])
            found[:, step] = torch.ops.aten.tanh_backward(own, room[:, step + 1])
            down[:, :, 0].baddbmm_(found[:, step], from_cell)
        first = torch.stack([own[:, :, 0] for own in memories], 1)
        return (
            found,
            _joined(room[:, :-1], found),
            _joined(first, found),
            _joined(room[:, 1:], slopes),
            slopes.flatten(1, 2).sum(1, keepdim=True),
            None,
            None,
        )


def _joined(first: Tensor, second: Tensor) -> Tensor:
    """Products ``(R, i, o)`` of ``(R, L, n, i)`` and ``(R, L, n, o)``, summed over places."""
    return torch.bmm(first.flatten(1, 2).transpose(1, 2), second.flatten(1, 2))
