"""Columns as users give them, lists, tensors or masked arrays, as arrays of one entry a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError


def as_column(values: Any, label: str, rows: int) -> np.ndarray:
    """Return ``(rows,)`` entries; a single column ``(rows, 1)`` is accepted."""
    try:
        column = np.asarray(numpy_of(values))
    except (ValueError, TypeError, RuntimeError):
        raise UsageError(f"{label} must be one column of numbers or text.") from None
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        remedy = "; give one of its columns at a time" * (column.ndim == 2)
        raise UsageError(f"{label} must be one column, shape (n,); got {column.shape}{remedy}.")
    if len(column) != rows:
        raise UsageError(
            f"{label} has {len(column)} entries but X has {rows} rows; give one entry per row."
        )
    return column


def as_factors(factors: Mapping[str, Any] | pd.DataFrame | None, rows: int) -> pd.DataFrame:
    """Collect factor columns by position: the index of a Series must not realign its rows."""
    if factors is None:
        return pd.DataFrame()
    columns = {}
    for column, values in factors.items():
        held = (
            values.array if isinstance(values, pd.Series) else as_column(values, str(column), rows)
        )
        if len(held) != rows:
            raise UsageError(f"Factor {column!r} has {len(held)} entries but X has {rows} rows.")
        columns[column] = _whole_characters(held)
    return pd.DataFrame(columns)


def _whole_characters(column: Any) -> Any:
    """Half characters (lone surrogates), which pandas cannot hold, replaced in an array of text."""
    if not isinstance(column, np.ndarray) or column.dtype.kind != "U":
        return column
    return np.char.decode(np.char.encode(column, "utf-8", "replace"), "utf-8")


def numpy_of(values: Any) -> Any:
    """Return tensors and masked arrays as arrays, everything else as it is."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        return tensor.float().numpy()
