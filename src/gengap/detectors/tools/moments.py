"""Means and scatters of training features: a block at a time, without a copy of them.

Blocks are summed in single precision, which is fast, and added up in double precision, so that a
sum of many loses no more digits than one of few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

BLOCK = 4096


def largest(rows: Tensor) -> Tensor:
    """Largest absolute value ``()``, NaN where there is one; ``rows`` are not empty."""
    low, high = torch.aminmax(rows)
    return torch.maximum(-low, high)


def blocks(rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some thousand rows at a time, with their place."""
    for start in range(0, len(rows), BLOCK):
        place = slice(start, start + BLOCK)
        yield place, rows[place]


def column_means(rows: Tensor, change: Callable[[Tensor], Tensor] = lambda rows: rows) -> Tensor:
    """Mean of each feature after a change, ``(d,)``."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for _, some in blocks(rows):
        total += change(some).sum(0)
    return (total / len(rows)).to(rows.dtype)


def class_means(rows: Tensor, codes: Tensor, centre: Tensor | None = None) -> Tensor:
    """Mean of each class ``(C, d)``, measured from ``centre (d,)`` where there is one."""
    counts = torch.bincount(codes)
    total = torch.zeros(len(counts), rows.shape[1], dtype=torch.float64)
    for place, some in blocks(rows):
        apart = some if centre is None else some - centre
        total += torch.zeros_like(total, dtype=rows.dtype).index_add_(0, codes[place], apart)
    return (total / counts[:, None]).to(rows.dtype)


def scatter(rows: Tensor, centres: Tensor, unit: Tensor, codes: Tensor | None = None) -> Tensor:
    """Sum ``(d, d)`` of the products of deviations, in double precision.

    Args:
        rows: ``(n, d)`` float32.
        centres: ``(d,)``, or ``(C, d)`` with ``codes (n,)`` that say which is a row's.
        unit: ``()`` of the deviations, so large that their squares do not overflow.
    """
    total = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.float64)
    for place, some in blocks(rows):
        apart = (some - (centres if codes is None else centres[codes[place]])).div_(unit)
        total += apart.T @ apart
    return total
