"""Reads examples row by row, so that one bad row does not cost the others their answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.models.columns import Columns

NUMBERS = "fiub"  # NumPy's kinds of numbers
FOREIGN = {"c": "complex numbers", "m": "durations", "M": "dates"}
ABSURD = 1e6  # times the largest magnitude seen: what no model was made for


@dataclass(frozen=True)
class RowForm:
    """What a row must look like: that of the examples the guard was fitted on.

    Attributes:
        shape: of one example.
        missing: whether NaN was among them, so that the model is taken to cope with it.
        numeric: whether they were an array of numbers rather than a table or text.
        largest: ``(d,)`` the largest magnitude among them of each value, at least 1. Rows with a
            value a million times as large are rejected: what is cut or overflows on its way through
            a model can look normal at its end.
    """

    shape: tuple[int, ...]
    missing: bool
    numeric: bool
    largest: np.ndarray = field(repr=False, compare=False)


class Rows(NamedTuple):
    """Rows in the model's form: ``X`` holds the readable ones, ``reason (n,)`` is "" for these.

    ``column (n,)`` names the column at fault, or is None.
    """

    X: Any
    reason: np.ndarray
    column: np.ndarray

    @property
    def readable(self) -> np.ndarray:
        """Which rows ``(n,)`` are in ``X``."""
        return self.reason == ""


def form_of(X: Any) -> RowForm:
    """The form of training examples.

    Raises:
        UsageError: no rows, rows of different lengths, complex numbers, dates, or infinite values.
    """
    X = examples_of(X)
    if X is None:
        raise UsageError("The rows of X differ in length; give rows of one length.")
    if X.shape[0] == 0:
        raise UsageError("X has no rows; give the model's training examples.")
    if _foreign(X):
        raise UsageError(f"X is made of {_foreign(X)}; give real numbers.")
    values = _numbers(X)
    if np.isinf(values).any():
        row = int(np.argwhere(np.isinf(values))[0, 0])
        raise UsageError(f"Row {row} of X has an infinite value; repair or leave out that row.")
    numeric = isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype.kind in NUMBERS)
    seen = np.nan_to_num(np.abs(values.astype(np.float64)), nan=0.0).max(0, initial=1.0)
    known = isinstance(X, pd.DataFrame | Tensor) or X.dtype.kind in NUMBERS
    largest = seen if known else np.full_like(seen, np.inf)
    return RowForm(tuple(X.shape[1:]), bool(np.isnan(values).any()), numeric, largest)


def examples_of(X: Any) -> Any:
    """Rows of examples as a table, tensor or array; None where they differ in length.

    Masked values become NaN.

    Raises:
        UsageError: something that is no rows of examples.
    """
    if hasattr(X, "toarray") or (isinstance(X, Tensor) and X.layout != torch.strided):
        raise UsageError("X is a sparse matrix; give a dense array, such as X.toarray().")
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.float64), np.nan) if X.dtype.kind in NUMBERS else X.filled()
    elif not isinstance(X, pd.DataFrame | Tensor | np.ndarray):
        if not isinstance(X, list | tuple) and not hasattr(X, "__array__"):
            raise UsageError(_no_rows(X))
        try:
            X = np.asarray(X)
        except ValueError:
            return None
    if X.ndim == 0:
        raise UsageError(_no_rows(X))
    return X


def read_rows(X: Any, form: RowForm, columns: Columns | None = None) -> Rows:
    """Sort out the rows that the model could not read, each with the reason.

    Args:
        X: array, tensor, table, or list of rows that may differ in length.
        form: what a row must look like.
        columns: of tables, which may then come in another order.

    Raises:
        UsageError: one example instead of rows of examples, or something else.
    """
    given, X = X, examples_of(X)
    if X is None:
        return _ragged(given, form)
    X = X if columns is None else columns.in_order(X)
    if tuple(X.shape) == form.shape and form.shape:
        raise UsageError("X is one example; give rows of examples, such as X[None].")
    if _foreign(X):
        reason = np.full(len(X), f"is made of {_foreign(X)}", dtype=object)
        return Rows(X[:0], reason, np.full(len(X), None, dtype=object))
    if form.numeric and isinstance(X, np.ndarray) and X.dtype.kind not in NUMBERS:
        return _ragged(X, form)
    return _sorted_out(X, form)


def _sorted_out(X: Any, form: RowForm) -> Rows:
    """Rows of one shape."""
    reason = np.full(X.shape[0], "", dtype=object)
    column = np.full(X.shape[0], None, dtype=object)
    if tuple(X.shape[1:]) != form.shape:
        reason[:] = _misshapen(tuple(X.shape[1:]), form.shape)
        return Rows(X[:0], reason, column)
    values = _numbers(X)
    bad = np.isinf(values) if form.missing else ~np.isfinite(values)
    if values.shape[1] == len(form.largest):
        bad |= np.abs(values.astype(np.float64)) > ABSURD * form.largest
    if not bad.any():
        return Rows(X, reason, column)
    for row in np.flatnonzero(bad.any(1)):
        place = int(bad[row].argmax())
        column[row] = str(X.columns[place] if isinstance(X, pd.DataFrame) else place)
        reason[row] = f"{_place(X, place)} is {_fault(float(values[row, place]))}"
    readable = np.flatnonzero(reason == "")
    kept = X.iloc[readable] if isinstance(X, pd.DataFrame) else X[readable]
    return Rows(kept, reason, column)


def _ragged(X: Any, form: RowForm) -> Rows:
    """Rows of a list, each read by itself."""
    reason, column = (np.full(len(X), nothing, dtype=object) for nothing in ("", None))
    kept = []
    for k, row in enumerate(X):
        try:
            kind = np.asarray(row).dtype.kind
            if kind in FOREIGN:
                reason[k] = f"is made of {FOREIGN[kind]}"
                continue
            values = np.ma.filled(np.ma.asarray(row).astype(np.float64), np.nan)
        except (ValueError, TypeError):
            reason[k] = "is not made of numbers"
            continue
        one = _sorted_out(values[None], form)
        reason[k], column[k] = one.reason[0], one.column[0]
        if not reason[k]:
            kept.append(values)
    return Rows(np.stack(kept) if kept else np.zeros((0, *form.shape)), reason, column)


def _numbers(X: Any) -> np.ndarray:
    """The numeric values of each row ``(n, d)``; text and categories are the model's affair."""
    if isinstance(X, pd.DataFrame):
        values = np.zeros(X.shape)
        for k, kind in enumerate(X.dtypes):
            if pd.api.types.is_numeric_dtype(kind):
                values[:, k] = X.iloc[:, k].to_numpy(np.float64, na_value=np.nan)
        return values
    values = X.detach().cpu().numpy() if isinstance(X, Tensor) else X
    if values.dtype.kind not in NUMBERS:
        return np.zeros((len(values), 1))
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


def _foreign(X: Any) -> str:
    """What an array is made of that is no numbers and cannot be read as such, or nothing."""
    if isinstance(X, pd.DataFrame):
        return FOREIGN["c"] if any(kind.kind == "c" for kind in X.dtypes) else ""
    if isinstance(X, Tensor):
        return FOREIGN["c"] if X.is_complex() else ""
    return FOREIGN.get(X.dtype.kind, "")


def _no_rows(X: Any) -> str:
    return (
        f"X is a {type(X).__name__}, not rows of examples; give an array, a tensor, a table or a "
        "list of rows."
    )


def _fault(value: float) -> str:
    if np.isnan(value):
        return "missing (NaN)"
    if np.isinf(value):
        return "infinite"
    return f"{value:.3g}, far outside what the guard has seen"


def _place(X: Any, place: int) -> str:
    return f"column {X.columns[place]!r}" if isinstance(X, pd.DataFrame) else f"value {place}"


def _misshapen(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    if len(given) == len(shape) == 1:
        return f"has {given[0]} values where the model takes {shape[0]}"
    return f"has shape {given} where the model takes {shape}"
