"""What the columns of a user's rows are: numbers, or categories with the values that were seen.

Rows come as they are given to a model: a table, an array of numbers, or images. A table's numbers,
truth values and dates (in days) are numbers, everything else is a category by its text, missing
values included. An array has a column per value; where that would be more than :data:`MOST`, or
where an example has several dimensions, five summaries of its values stand for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

MOST = 256  # values of an array's row that are columns of their own
SUMMARIES = ("smallest value", "largest value", "mean value", "spread of values", "mean step")
BLOCK = 1 << 22  # values that are summarised at once
DAY = 86_400  # seconds
INDICATED = 30  # categories of a column with an indicator of their own
UNSEEN, MISSING = -1, -2  # numbers of a text not seen, and of values that were never missing


@dataclass(frozen=True)
class Columns:
    """The columns of rows.

    Attributes:
        names: of the columns as they stand in the rows; of an array its places, or
            :data:`SUMMARIES`.
        categories: of each column the texts seen, the most frequent first and None where values
            were missing; none at all where most rows differ; None for numbers.
        table: whether the rows were a table.
    """

    names: tuple[str, ...]
    categories: tuple[tuple[str | None, ...] | None, ...]
    table: bool

    @property
    def numeric(self) -> list[int]:
        """Places of the columns of numbers."""
        return [k for k, values in enumerate(self.categories) if values is None]

    @property
    def categorical(self) -> list[int]:
        """Places of the columns of categories."""
        return [k for k, values in enumerate(self.categories) if values is not None]

    @classmethod
    def of(cls, X: Any) -> Columns:
        """The columns of examples, a table, array or tensor of ``n`` rows."""
        rows = _rows(X)
        if not isinstance(rows, pd.DataFrame):
            wide = rows.ndim > 2 or prod(rows.shape[1:]) > MOST
            names = SUMMARIES if wide else tuple(str(k) for k in range(prod(rows.shape[1:])))
            return cls(names, (None,) * len(names), False)
        seen = tuple(
            None if _is_number(rows.iloc[:, k]) else _texts(rows.iloc[:, k])
            for k in range(rows.shape[1])
        )
        return cls(tuple(str(name) for name in rows.columns), seen, True)

    def numbers(self, X: Any) -> np.ndarray:
        """The numbers ``(n, d)`` float64 of each row, NaN where they are missing."""
        if self.table:
            table = self._aligned(X)
            parts = [_floats(table.iloc[:, k]) for k in self.numeric]
            return np.stack(parts, 1) if parts else np.zeros((len(table), 0))
        rows = _rows(X)
        values = rows.to_numpy(np.float64) if isinstance(rows, pd.DataFrame) else rows
        if self.names == SUMMARIES:
            return summaries(values)
        return values.reshape(len(values), prod(values.shape[1:])).astype(np.float64)

    def codes(self, X: Any) -> np.ndarray:
        """Numbers ``(n, c)`` of each row's categories: :data:`UNSEEN` texts, or :data:`MISSING`."""
        if not self.categorical:
            return np.zeros((len(X), 0), int)
        rows = self._aligned(X)
        return np.stack([_codes(rows.iloc[:, k], self.categories[k]) for k in self.categorical], 1)

    def absent(self, X: Any) -> np.ndarray:
        """Which categories ``(n, c)`` are missing."""
        if not self.categorical:
            return np.zeros((len(X), 0), bool)
        return self._aligned(X).iloc[:, self.categorical].isna().to_numpy()

    def encoded(self, X: Any) -> np.ndarray:
        """Numbers and indicators of the most frequent categories, ``(n, d + ...)`` float64."""
        codes = self.codes(X)
        parts = [self.numbers(X)]
        for own, place in zip(codes.T, self.categorical, strict=True):
            known = self.categories[place] or ()
            parts.append((own[:, None] == np.arange(min(len(known), INDICATED))).astype(float))
        return np.concatenate(parts, 1)

    def shown(self, X: Any, places: np.ndarray) -> list[str | None]:
        """What stands in one column of each row, numbers to four digits; None where it is missing.

        Args:
            X: ``n`` rows.
            places: ``(n,)`` of the columns.
        """
        numbers, order = self.numbers(X), {place: k for k, place in enumerate(self.numeric)}
        table = self._aligned(X) if self.categorical else None
        found: list[str | None] = []
        for row, place in enumerate(places.tolist()):
            if table is None or place in order:
                number = numbers[row, order[place]]
                found.append(None if np.isnan(number) else f"{number:.4g}")
            else:
                value: Any = table.iat[row, place]
                found.append(None if pd.isna(value) else repr(str(value)))
        return found

    def in_order(self, X: Any) -> Any:
        """A table of these columns with each where it stood; anything else as it is."""
        if not isinstance(X, pd.DataFrame):
            return X
        names = [str(name) for name in X.columns]
        if len(set(names)) == len(names) and set(names) == set(self.names):
            return X.iloc[:, [names.index(name) for name in self.names]]
        return X

    def _aligned(self, X: Any) -> pd.DataFrame:
        """Rows as a table whose columns stand where they did."""
        rows = _rows(X)
        return self.in_order(rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows))


def summaries(values: np.ndarray) -> np.ndarray:
    """Smallest, largest and mean value, standard deviation and mean step ``(n, 5)`` of rows."""
    rows = max(1, BLOCK // max(prod(values.shape[1:]), 1))
    parts = [np.zeros((0, len(SUMMARIES)))]
    for start in range(0, len(values), rows):
        block = values[start : start + rows].astype(np.float64)
        flat = block.reshape(len(block), -1)
        steps = np.abs(np.diff(block, axis=-1)).reshape(len(block), -1)
        step = steps.mean(1) if steps.shape[1] else np.zeros(len(block))
        parts.append(np.stack([flat.min(1), flat.max(1), flat.mean(1), flat.std(1), step], 1))
    return np.concatenate(parts)


def _rows(X: Any) -> pd.DataFrame | np.ndarray:
    """A table, or an array of numbers."""
    if isinstance(X, Tensor):
        X = X.detach().cpu()
        return (X.float() if X.is_floating_point() else X).numpy()
    if isinstance(X, pd.Series):
        return X.to_frame()
    if isinstance(X, pd.DataFrame):
        return X
    values = np.asarray(X)
    return values if values.dtype.kind in "fiub" else pd.DataFrame(values).infer_objects()


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) or column.dtype.kind in "mM"


def _floats(column: pd.Series) -> np.ndarray:
    if column.dtype.kind in "mM":
        index = pd.Index(column)
        seconds = index.as_unit("s").asi8
        return np.where(index.isna(), np.nan, seconds / DAY)
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy(np.float64, na_value=np.nan)


def _texts(column: pd.Series) -> tuple[str | None, ...]:
    """The column's texts, the most frequent first; none where most rows differ."""
    counts = column.astype(object).value_counts(dropna=False, sort=True)
    if len(counts) > len(column) / 2:
        return ()
    return tuple(dict.fromkeys(None if pd.isna(v) else str(v) for v in counts.index))


def _codes(column: pd.Series, known: tuple[str | None, ...] | None) -> np.ndarray:
    numbers = {text: k for k, text in enumerate(known or ())}
    found, values = pd.factorize(column.astype(object), use_na_sentinel=False)
    of = [numbers.get(None, MISSING) if pd.isna(v) else numbers.get(str(v), UNSEEN) for v in values]
    return np.array(of, int)[found] if of else np.zeros(0, int)
