"""Rows of different lengths in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Ragged:
    """``n`` rows of numbers, one after another.

    Attributes:
        values: ``(N,)``.
        lengths: ``(n,)``.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray]) -> Ragged:
        """Join rows."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        joined = np.concatenate(rows) if len(rows) else np.zeros(0)
        return cls(joined.astype(np.int32), lengths)

    @classmethod
    def of_table(cls, table: np.ndarray, lengths: np.ndarray) -> Ragged:
        """The first numbers of each row of ``(n, longest)``."""
        inside = np.arange(table.shape[1]) < lengths[:, None]
        return cls(table[inside].astype(np.int32), lengths.astype(np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        start = self.starts[row]
        return self.values[start : start + self.lengths[row]]

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each row begins."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def places(self) -> np.ndarray:
        """How far each number is into its row, ``(N,)``."""
        return np.arange(len(self.values)) - np.repeat(self.starts, self.lengths)

    @cached_property
    def owners(self) -> np.ndarray:
        """The row of each number, ``(N,)``."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def only(self, rows: np.ndarray) -> Ragged:
        """Some of the rows, in the order given."""
        lengths = self.lengths[rows]
        first = np.cumsum(lengths) - lengths
        step = np.arange(int(lengths.sum())) - np.repeat(first, lengths)
        return Ragged(self.values[np.repeat(self.starts[rows], lengths) + step], lengths)


def after(first: Ragged, second: Ragged) -> Ragged:
    """Each row of the one with the same row of the other behind it."""
    lengths = first.lengths + second.lengths
    values = np.empty(int(lengths.sum()), np.int32)
    starts = np.cumsum(lengths) - lengths
    values[starts[first.owners] + first.places] = first.values
    values[(starts + first.lengths)[second.owners] + second.places] = second.values
    return Ragged(values, lengths)
