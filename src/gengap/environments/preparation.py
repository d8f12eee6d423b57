"""One shared numeric matrix for all runs, and per run only a shift and a scale.

Runs differ in the rows they train on, so they differ in means, spreads and the categories they
have seen, but not in the examples. The examples are therefore encoded once, and a run keeps two
vectors fitted on its own training rows: ``x -> (x - shift) * scale``. A column that a run cannot
have learnt anything about (constant, or a category never seen in training) gets scale 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ColumnKind = Literal["number", "indicator", "category"]

MOST_CATEGORIES = 30  # categories of one column with an indicator of their own
CHUNK_BYTES = 2**26  # rows are worked on in pieces of about this size
CLIP = 20.0  # standardised values beyond this many standard deviations are cut

Fill = Callable[[np.ndarray], None]


@dataclass(frozen=True, eq=False)
class Encoded:
    """All examples as numbers, the same for every run.

    Attributes:
        matrix: ``(n, ...)`` float32; missing numbers are NaN.
        columns: ``(d,)`` names of a table's columns; empty for images and signals.
        kinds: ``(d,)`` what each column is: a ``"number"``, the ``"indicator"`` of a missing
            number, or one ``"category"`` of a column (0 or 1).
    """

    matrix: np.ndarray
    columns: tuple[str, ...] = ()
    kinds: tuple[ColumnKind, ...] = ()


@dataclass(frozen=True, eq=False)
class Preparation:
    """What one run does to the shared matrix; fitted on its training rows only.

    Attributes:
        shift, scale: float32, shaped to broadcast against one example: ``(d,)`` for tables,
            ``(c, 1)`` for signals, ``(c, 1, 1)`` for images.
    """

    shift: np.ndarray
    scale: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Prepare rows ``(m, ...)`` of the matrix; returns new float32 of the same shape.

        Missing numbers become the training mean (0). Values are cut at 20 training standard
        deviations: far enough to leave extrapolation alone, near enough that one wild value in
        an unseen environment cannot overflow a network or a squared error.
        """
        prepared = np.subtract(rows, self.shift, dtype=np.float32)
        prepared *= self.scale
        np.nan_to_num(prepared, copy=False, nan=0.0)
        return np.clip(prepared, -CLIP, CLIP, out=prepared)


def encode(X: np.ndarray | pd.DataFrame, first: int | None = None) -> Encoded:
    """Encode examples as one float32 matrix; ``X`` is not modified.

    Arrays of more than two dimensions are only cast. In tables a number becomes its difference
    from the column's median, taken in float64 so that large offsets (such as timestamps) keep
    their digits; each run standardises again, so the median cancels. A number with missing values
    also gets a 0/1 column ``"NAME is missing"``. An ordered category becomes its rank; any other
    category becomes a 0/1 column ``"NAME=VALUE"`` for each of the 30 most frequent values and
    ``"NAME=(other)"`` for the rest, missing being a value of its own.

    Which values are frequent is decided on all rows: that is vocabulary, and columns not seen in
    training are silenced by :func:`fit_preparation`.

    Args:
        X: ``(n, ...)`` examples.
        first: only the first so many rows decide how columns are encoded, and further ones are
            encoded alike; a category that these do not have counts as an infrequent one, or as
            none. All of them when not given.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return Encoded(X.astype(np.float32))
    plan: list[tuple[str, ColumnKind]] = []
    fills: list[tuple[int, int, Fill]] = []
    for name, column in _columns(X):
        described, fill = _plan(name, column, len(X) if first is None else first)
        fills.append((len(plan), len(plan) + len(described), fill))
        plan += described
    matrix = np.empty((len(X), len(plan)), dtype=np.float32)
    for start, stop, fill in fills:
        fill(matrix[:, start:stop])
    return Encoded(matrix, tuple(name for name, _ in plan), tuple(kind for _, kind in plan))


def fit_preparation(encoded: Encoded, rows: np.ndarray) -> Preparation:
    """Fit shift and scale on the training rows (indices or mask ``(n,)``) alone.

    Numbers, channels of images and of signals: mean and 1 / standard deviation (population
    formula, as scikit-learn's StandardScaler), missing values ignored; scale 0 when constant in
    these rows. Indicators and categories: shift 0, and scale 1 if ever seen in these rows, else 0.
    """
    matrix = encoded.matrix
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    scaler = StandardScaler()
    channels = matrix.shape[1]
    low, high = np.full(channels, np.nan), np.full(channels, np.nan)
    size = max(1, CHUNK_BYTES // max(1, 4 * int(np.prod(matrix.shape[1:]))))
    for start in range(0, len(rows), size):
        chunk = matrix[rows[start : start + size]]
        if matrix.ndim > 2:
            chunk = np.moveaxis(chunk, 1, -1).reshape(-1, channels)
        with np.errstate(invalid="ignore"):  # a column may have no value in these rows
            scaler.partial_fit(chunk)
        low = np.fmin(low, np.fmin.reduce(chunk, axis=0))
        high = np.fmax(high, np.fmax.reduce(chunk, axis=0))
    # NaN (never present in these rows) compares false and so counts as constant.
    varies = high > low
    shift = np.where(np.isnan(low), 0.0, scaler.mean_)
    scale = np.where(varies, 1.0 / scaler.scale_, 0.0)
    if encoded.kinds:
        flags = np.array([kind != "number" for kind in encoded.kinds])
        shift = np.where(flags, 0.0, shift)
        scale = np.where(flags, high > 0, scale)
    shape = (channels, *(1,) * (matrix.ndim - 2))
    return Preparation(
        shift.astype(np.float32).reshape(shape), scale.astype(np.float32).reshape(shape)
    )


def _columns(X: np.ndarray | pd.DataFrame) -> list[tuple[str, Any]]:
    if isinstance(X, np.ndarray):
        return [(f"x{k}", X[:, k]) for k in range(X.shape[1])]
    return [(str(name), X[name]) for name in X.columns]


def _plan(name: str, column: Any, first: int) -> tuple[list[tuple[str, ColumnKind]], Fill]:
    """Describe the columns that one column of the table becomes, and how to fill them."""
    dtype = column.dtype
    if not isinstance(column, np.ndarray):
        if isinstance(dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy(dtype=np.int64)
            if not dtype.ordered:
                return _plan_categories(name, codes, column.cat.categories, first)
            column = np.where(codes < 0, np.nan, codes)
        elif not pd.api.types.is_numeric_dtype(dtype):
            codes, levels = pd.factorize(column, sort=True)
            return _plan_categories(name, codes, levels, first)
        else:
            column = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return _plan_number(name, column, first)


def _plan_number(
    name: str, column: np.ndarray, first: int
) -> tuple[list[tuple[str, ColumnKind]], Fill]:
    missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=bool)
    described: list[tuple[str, ColumnKind]] = [(name, "number")]
    if missing[:first].any():
        described.append((f"{name} is missing", "indicator"))

    def fill(out: np.ndarray) -> None:
        values = column.astype(np.float64)
        if not missing[:first].all():
            values -= np.nanmedian(values[:first])
            # A power of two is exact and cancels in every run; without it 1e300 would overflow.
            exponent = int(np.frexp(np.nanmax(np.abs(values[:first])))[1])
            if abs(exponent) > 60:
                values = np.ldexp(values, -exponent)
        out[:, 0] = values
        if out.shape[1] > 1:
            out[:, 1] = missing

    return described, fill


def _plan_categories(
    name: str, codes: np.ndarray, levels: Any, first: int
) -> tuple[list[tuple[str, ColumnKind]], Fill]:
    """One 0/1 column per frequent level; the code -1 stands for missing."""
    encoder = OneHotEncoder(
        max_categories=MOST_CATEGORIES + 1,
        sparse_output=False,
        dtype=np.float32,
        handle_unknown="infrequent_if_exist",
    )
    encoder.fit(codes[:first, None])
    (present,) = encoder.categories_
    rare = encoder.infrequent_categories_[0]  # None when every level is frequent
    frequent = present if rare is None else present[~np.isin(present, rare)]
    shown = [str(levels[k]) if k >= 0 else "(missing)" for k in frequent]
    shown += [] if rare is None else ["(other)"]
    size = CHUNK_BYTES // (4 * len(shown))

    def fill(out: np.ndarray) -> None:
        for start in range(0, len(codes), size):
            out[start : start + size] = encoder.transform(codes[start : start + size, None])

    return [(f"{name}={label}", "category") for label in shown], fill
