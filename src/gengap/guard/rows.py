"""Reads examples row by row, so that one bad row does not cost the others their answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from gengap.errors import UsageError

NUMBERS = "fiub"  # NumPy's kinds of numbers


@dataclass(frozen=True)
class RowForm:
    """What a row must look like: that of the examples the guard was fitted on.

    Attributes:
        shape: of one example.
        missing: whether NaN was among them, so that the model is taken to cope with it.
        numeric: whether they were an array of numbers rather than a table or text.
    """

    shape: tuple[int, ...]
    missing: bool
    numeric: bool


class Rows(NamedTuple):
    """Rows in the model's form: ``X`` holds the readable ones, ``reason (n,)`` is "" for these."""

    X: Any
    reason: np.ndarray

    @property
    def readable(self) -> np.ndarray:
        """Which rows ``(n,)`` are in ``X``."""
        return self.reason == ""


def form_of(X: Any) -> RowForm:
    """The form of training examples.

    Raises:
        UsageError: rows of different lengths, or infinite values.
    """
    if not isinstance(X, pd.DataFrame | Tensor):
        try:
            X = np.asarray(X)
        except ValueError:
            raise UsageError("The rows of X differ in length; give rows of one length.") from None
    if X.ndim == 0 or X.shape[0] == 0:
        raise UsageError("X has no rows; give the model's training examples.")
    values = _numbers(X)
    if np.isinf(values).any():
        row = int(np.argwhere(np.isinf(values))[0, 0])
        raise UsageError(f"Row {row} of X has an infinite value; repair or leave out that row.")
    numeric = isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype.kind in NUMBERS)
    return RowForm(tuple(X.shape[1:]), bool(np.isnan(values).any()), numeric)


def read_rows(X: Any, form: RowForm) -> Rows:
    """Sort out the rows that the model could not read, each with the reason.

    Args:
        X: array, tensor, table, or list of rows that may differ in length.
        form: what a row must look like.

    Raises:
        UsageError: one example instead of rows of examples.
    """
    if not isinstance(X, pd.DataFrame | Tensor | np.ndarray):
        try:
            X = np.asarray(X)
        except ValueError:
            return _ragged(X, form)
    if tuple(X.shape) == form.shape and form.shape:
        raise UsageError("X is one example; give rows of examples, such as X[None].")
    if form.numeric and isinstance(X, np.ndarray) and X.dtype.kind not in NUMBERS:
        return _ragged(X, form)
    return _sorted_out(X, form)


def _sorted_out(X: Any, form: RowForm) -> Rows:
    """Rows of one shape."""
    reason = np.full(X.shape[0] if X.ndim else 0, "", dtype=object)
    if tuple(X.shape[1:]) != form.shape:
        reason[:] = _misshapen(tuple(X.shape[1:]), form.shape)
        return Rows(X[:0], reason)
    values = _numbers(X)
    bad = np.isinf(values) if form.missing else ~np.isfinite(values)
    if not bad.any():
        return Rows(X, reason)
    for row in np.flatnonzero(bad.any(1)):
        place = int(bad[row].argmax())
        kind = "infinite" if np.isinf(values[row, place]) else "missing (NaN)"
        reason[row] = f"{_place(X, place)} is {kind}"
    readable = np.flatnonzero(reason == "")
    return Rows(X.iloc[readable] if isinstance(X, pd.DataFrame) else X[readable], reason)


def _ragged(X: Any, form: RowForm) -> Rows:
    """Rows of a list, each read by itself."""
    reason = np.full(len(X), "", dtype=object)
    kept = []
    for k, row in enumerate(X):
        try:
            values = np.asarray(row, dtype=np.float64)
        except (ValueError, TypeError):
            reason[k] = "is not made of numbers"
            continue
        one = _sorted_out(values[None], form)
        reason[k] = one.reason[0]
        if not reason[k]:
            kept.append(values)
    return Rows(np.stack(kept) if kept else np.zeros((0, *form.shape)), reason)


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


def _place(X: Any, place: int) -> str:
    return f"column {X.columns[place]!r}" if isinstance(X, pd.DataFrame) else f"value {place}"


def _misshapen(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    if len(given) == len(shape) == 1:
        return f"has {given[0]} values where the model takes {shape[0]}"
    return f"has shape {given} where the model takes {shape}"
