"""A memory of what was played, to learn from again: each run has its own, the oldest is forgotten.

Columns are tensors ``(R, room, ...)`` in the method's state, under ``replay/``. Observations that
are whole numbers below 256, as most of levels are, are kept in a byte each; they come back as they
were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

REPLAY, COUNT = "replay/", "replay/count"
# Transitions of a run that are remembered, and numbers of theirs.
MOST, MOST_NUMBERS = 50_000, 1 << 26


@torch.no_grad()
def remember(state: dict[str, Tensor], **columns: Tensor) -> None:
    """Add one transition of every copy, columns ``(R, n, ...)``, in the place of the oldest."""
    some = next(iter(columns.values()))
    if COUNT not in state:
        state[COUNT] = torch.zeros(len(some), dtype=torch.int64)
        for name, values in columns.items():
            kind = torch.uint8 if _fits_bytes(values) else values.dtype
            shape = len(some), room_for(columns), *values.shape[2:]
            state[REPLAY + name] = values.new_zeros(shape, dtype=kind)
    copies = some.shape[1]
    for name, values in columns.items():
        kept = state[REPLAY + name]
        if kept.dtype == torch.uint8 and not _fits_bytes(values):
            kept = state[REPLAY + name] = kept.to(values.dtype)
        place = int(state[COUNT][0]) % kept.shape[1]
        kept[:, place : place + copies] = values
    state[COUNT] += copies


@torch.no_grad()
def recalled(
    state: dict[str, Tensor], count: int, generators: Sequence[np.random.Generator]
) -> dict[str, Tensor]:
    """Columns ``(R, count, ...)`` of transitions drawn with replacement, each run from its own."""
    columns = {k: v for k, v in state.items() if k.startswith(REPLAY) and k != COUNT}
    some = next(iter(columns.values()))
    known = min(int(state[COUNT][0]), some.shape[1])
    drawn = np.stack([own.integers(known, size=count) for own in generators])
    rows = torch.from_numpy(drawn).to(some.device)
    rows = rows + torch.arange(len(some), device=some.device)[:, None] * some.shape[1]
    found = {}
    for name, kept in columns.items():
        values = kept.flatten(0, 1).index_select(0, rows.flatten())
        values = values.float() if kept.dtype == torch.uint8 else values
        found[name[len(REPLAY) :]] = values.view(*rows.shape, *kept.shape[2:])
    return found


def room_for(columns: dict[str, Tensor]) -> int:
    """How many transitions are remembered: a multiple of the copies, which depends on no run."""
    copies = next(iter(columns.values())).shape[1]
    numbers = sum(values[0, 0].numel() for values in columns.values())
    return max(1, min(MOST, MOST_NUMBERS // numbers) // copies) * copies


def _fits_bytes(values: Tensor) -> bool:
    if values.dtype != torch.float32 or values.dim() < 3:
        return False
    return torch.equal(values, values.clamp(0, 255).to(torch.uint8).float())
