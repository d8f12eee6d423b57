"""The largest entries of a change, found by a selection and not by sorting all.

Which entries are at least as large as the ``k``-th is a question that sorting answers in
``O(n log n)``. Here the ``k``-th is first put between two bounds by the order of a sample (Floyd,
Rivest 1975, doi:10.1145/360680.360691); one pass then counts what lies above them and gathers what
lies between, which is about a hundredth, and a selection among these finds it. The answer is exact:
where the sample misled, which it does about once in ten thousand times, all entries are gathered.
Entries as large as the ``k``-th are all kept, so that which are kept does not depend on their
order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gengap.merges.pieces import pieces

SAMPLE = 1 << 16
# Standard errors of a rank in the sample between which the one looked for lies.
ERRORS = 4.0


def smallest_kept(tensor: Tensor, base: Tensor, density: float) -> float:
    """The magnitude from which on entries of ``tensor - base`` are among the largest.

    Args:
        tensor: any shape.
        base: the same.
        density: share of entries to keep, rounded to at least one entry.

    Returns:
        A magnitude that occurs; infinity at density 0 and 0 at density 1.
    """
    count = tensor.numel()
    if density <= 0 or not count:
        return float("inf")
    kept = max(round(density * count), 1)
    if kept >= count:
        return 0.0
    if count > 4 * SAMPLE:
        found = _between(tensor, base, kept)
        if found is not None:
            return found
    return largest(torch.cat([(t - b).abs_() for t, b in pieces([tensor, base])]), kept)


def largest(magnitudes: Tensor, rank: int) -> float:
    """The ``rank``-th largest number ``(n,)``; their order is changed."""
    numbers = magnitudes.cpu().numpy()
    numbers.partition(len(numbers) - rank)
    return float(numbers[len(numbers) - rank])


def _between(tensor: Tensor, base: Tensor, kept: int) -> float | None:
    """The ``kept``-th largest by a sample's bounds; None where it is not strictly between them."""
    count = tensor.numel()
    step = count // SAMPLE | 1  # odd, so that it falls into step with few widths of layers
    sample = (tensor.reshape(-1)[::step] - base.reshape(-1)[::step]).abs_().sort().values
    share = kept / count
    error = ERRORS * math.sqrt(share * (1 - share) * len(sample)) + 1
    rank = (1 - share) * len(sample)
    low = float(sample[max(int(rank - error), 0)])
    high = float(sample[min(int(rank + error), len(sample) - 1)])
    above, inside = 0, []
    for part, start in pieces([tensor, base]):
        sizes = (part - start).abs_()
        below = sizes < high
        above += len(sizes) - int(torch.count_nonzero(below))
        inside.append(sizes[below.logical_and_(sizes > low)])
    rest = torch.cat(inside)
    return largest(rest, kept - above) if above < kept <= above + len(rest) else None


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
