"""Inputs that no guard should let pass, made of normal ones: a bar that every guard is held to.

Numbers that are half as large again, three or ten times as large; columns that changed places; rows
of one number; categories that nobody has seen; images of 0 to 255 where they were of 0 to 1, or the
other way around. Half as large again is often still possible: the share that is refused says how
well the guard knows what is normal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gengap.models.columns import SUMMARIES, Columns

TIMES = (1.5, 3.0, 10.0)
UNHEARD = "never seen before"
PIXELS = 255.0
MOST = 5  # columns that get a new category, each in a table of its own
TEXTS = ("string", "categorical")


def impossible(X: Any, columns: Columns) -> dict[str, Any]:
    """Impossible rows by what was done to normal ones.

    Args:
        X: ``n`` normal rows, a table, an array or a tensor.
        columns: theirs.
    """
    if columns.table and isinstance(X, pd.DataFrame):
        return _of_table(X, columns)
    if columns.table:
        return {}
    rows = np.asarray(X.detach().cpu().float() if isinstance(X, Tensor) else X, np.float64)
    made = {f"times {k:g}": rows * k for k in TIMES}
    flat = rows.reshape(len(rows), -1)
    if columns.names == SUMMARIES:
        largest = float(np.nanmax(np.abs(rows), initial=0.0))
        if largest <= 1.5:
            made["0 to 255 instead of 0 to 1"] = rows * PIXELS
        elif 100 < largest <= PIXELS and np.nanmin(rows, initial=0.0) >= 0:
            made["0 to 1 instead of 0 to 255"] = rows / PIXELS
    elif flat.shape[1] > 1:
        made["columns swapped"] = np.roll(flat, 1, axis=1).reshape(rows.shape)
    made["one number everywhere"] = np.broadcast_to(flat[:, :1], flat.shape).reshape(rows.shape)
    return {name: _like(values, X) for name, values in made.items()}


def _of_table(X: pd.DataFrame, columns: Columns) -> dict[str, pd.DataFrame]:
    scaled = [
        k for k in columns.numeric
        if X.dtypes.iloc[k].kind in "iuf" and X.iloc[:, k].nunique() > 2
    ]  # fmt: skip
    numbers = columns.numbers(X)[:, [columns.numeric.index(k) for k in scaled]]
    made: dict[str, np.ndarray] = {}
    if scaled:
        made = {f"times {k:g}": numbers * k for k in TIMES}
    if len(scaled) > 1:
        made["columns swapped"] = np.roll(numbers, 1, axis=1)
        made["one number everywhere"] = np.broadcast_to(numbers[:, :1], numbers.shape)
    tables = {name: _with(X, dict(zip(scaled, v.T, strict=True))) for name, v in made.items()}
    texts = [k for k in columns.categorical if columns.categories[k]]
    for k in [k for k in texts if pd.api.types.infer_dtype(X.iloc[:, k]) in TEXTS][:MOST]:
        name = f"new category in {columns.names[k]}"
        tables[name] = _with(X, {k: np.full(len(X), UNHEARD, object)})
    return tables


def _with(X: pd.DataFrame, values: dict[int, np.ndarray]) -> pd.DataFrame:
    """A table with other values in some places; categories stay categories."""
    parts = []
    for k in range(X.shape[1]):
        column = X.iloc[:, k]
        if k in values:
            changed = pd.Series(values[k], index=X.index)
            if isinstance(column.dtype, pd.CategoricalDtype):
                changed = changed.astype("category")
            elif changed.dtype == object:
                changed = changed.astype(column.dtype)
            column = changed
        parts.append(column)
    table = pd.concat(parts, axis=1)
    table.columns = X.columns
    return table


def _like(values: np.ndarray, X: Any) -> Any:
    """An array of the kind that ``X`` is; signed whole numbers stay so, bytes become floats."""
    if isinstance(X, Tensor):
        signed = X.is_floating_point() or X.dtype in (torch.int32, torch.int64)
        return torch.from_numpy(values.copy()).to(X.dtype if signed else torch.float32)
    kind = np.asarray(X).dtype
    return values.astype(kind if kind.kind in "if" else np.float32)
