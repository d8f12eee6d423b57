"""The largest entries of a tensor, found by a selection and not by sorting all.

Which entries are at least as large as the ``k``-th is a question that sorting answers in
``O(n log n)`` and a selection in ``O(n)``: it divides the entries around a pivot and goes on in the
part that holds the ``k``-th alone. The answer is exact. Entries as large as the ``k``-th are all
kept, so that which are kept does not depend on their order.
"""

from __future__ import annotations

import torch
from torch import Tensor


def smallest_kept(magnitudes: Tensor, density: float) -> float:
    """The magnitude from which on entries are among the largest.

    Args:
        magnitudes: numbers of at least 0, any shape; their order is changed.
        density: share of entries to keep, rounded to at least one entry.

    Returns:
        A magnitude that occurs; infinity at density 0 and 0 at density 1.
    """
    count = magnitudes.numel()
    if density <= 0 or not count:
        return float("inf")
    kept = max(round(density * count), 1)
    if kept >= count:
        return 0.0
    flat = magnitudes.reshape(-1).cpu().numpy()
    flat.partition(count - kept)
    return float(flat[count - kept])


class Largest:
    """The largest entries of several tensors together, in the memory of those kept.

    Args:
        density: share of entries to keep, rounded to at least one.
        count: entries of all tensors.
    """

    def __init__(self, density: float, count: int) -> None:
        self.kept = max(round(density * count), 1) if density > 0 else 0
        self.count = count
        self._held = torch.empty(0)

    def add(self, magnitudes: Tensor) -> None:
        """Take in a tensor of numbers of at least 0."""
        if not 0 < self.kept < self.count:
            return
        flat = magnitudes.reshape(-1).cpu()
        # What is below the smallest of those held can no longer matter.
        least = float(self._held.min()) if len(self._held) == self.kept else 0.0
        held = torch.cat([self._held.to(flat.dtype), flat[flat >= least]])
        if len(held) > self.kept:
            held.numpy().partition(len(held) - self.kept)
            held = held[-self.kept :].clone()
        self._held = held

    @property
    def least(self) -> float:
        """The magnitude from which on entries are among the largest."""
        if not 0 < self.kept < self.count:
            return 0.0 if self.kept else float("inf")
        return float(self._held.min())
