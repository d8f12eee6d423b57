"""Long tables scored in blocks of rows, so that memory does not grow with their length."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NUMBERS = 1 << 18


def by_rows(function: Callable[[Tensor], Tensor], rows: Tensor, least: int = 1) -> Tensor:
    """``function`` of ``rows (n, ...)`` in blocks that fit into a core's cache, joined.

    Args:
        least: rows per block, however many numbers that is.
    """
    most = max(least, NUMBERS // max(1, rows.shape[1:].numel()))
    if len(rows) <= most:
        return function(rows)
    return torch.cat([function(block) for block in rows.split(most)])
