"""Marks: which inputs a model is to rely on, in all examples or in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, unknown


def marks_of(X: np.ndarray | pd.DataFrame, marked: Sequence[str] | np.ndarray) -> np.ndarray:
    """Marks as bool, of one example, which hold for all, or of each.

    Args:
        X: the examples.
        marked: names of columns of a DataFrame; or bool, ``X.shape[1:]`` for all examples alike,
            or ``X.shape`` for each, with none in an example where they are not known.

    Raises:
        UsageError: there is no such column, the shape is another, or nothing is marked.
    """
    if isinstance(marked, np.ndarray) and marked.dtype == bool:
        if marked.shape not in (X.shape, X.shape[1:]):
            raise UsageError(
                f"Marks of shape {marked.shape} do not fit examples of shape {X.shape[1:]}; give "
                f"{X.shape[1:]} for all alike, or {X.shape} for each."
            )
        if not marked.any():
            raise UsageError("No input is marked; mark those that a model is to rely on.")
        return marked
    if not isinstance(X, pd.DataFrame):
        raise UsageError("Examples without names of columns are marked by a bool array.")
    columns = [str(name) for name in X.columns]
    for name in marked:
        if name not in columns:
            raise unknown(f"There is no column {name!r} to rely on", name, columns)
    if not len(marked):
        raise UsageError("No column is marked; name those that a model is to rely on.")
    return np.isin(columns, list(marked))


def marks_at(marks: np.ndarray | None, rows: np.ndarray, axes: int) -> np.ndarray | None:
    """Marks of the examples at ``rows``, where each has its own, of data with so many axes."""
    return marks[rows] if marks is not None and marks.ndim == axes else marks
