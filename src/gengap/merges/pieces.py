"""Tensors worked through in pieces that stay in a core's own memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

PIECE = 1 << 16  # numbers


def pieces(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The same piece ``(n,)`` of each of several tensors of one shape, one after the other."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    for start in range(0, len(flat[0]), PIECE):
        yield [tensor[start : start + PIECE] for tensor in flat]
