"""Memories of bounded size: which entries stay."""

from __future__ import annotations

import torch
from torch import Tensor


def lowest_per_class(scores: Tensor, classes: Tensor, most: int) -> Tensor:
    """Rows ``(k,)``, ascending, of the ``most`` lowest scores of each class; ties: earlier rows.

    Args:
        scores: ``(n,)``.
        classes: ``(n,)`` int64.
    """
    by_score = scores.argsort(stable=True)
    order = by_score[classes[by_score].argsort(stable=True)]
    grouped = classes[order]
    starts = torch.searchsorted(grouped, grouped)  # where each row's class begins
    rank = torch.arange(len(order), device=scores.device) - starts
    return order[rank < most].sort().values


def latest(rows: Tensor, further: Tensor, most: int) -> Tensor:
    """Rows and further ones behind them, cut at the front to ``most``."""
    return torch.cat([rows, further])[-most:]
