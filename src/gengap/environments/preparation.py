"""One shared numeric matrix for all runs, and per run only a shift and a scale.

Runs differ in the rows they train on, so they differ in means, spreads and the categories they
have seen, but not in the examples. The examples are therefore encoded once, and a run keeps two
vectors fitted on its own training rows: ``x -> (x - shift) * scale``. A column that a run cannot
have learnt anything about (constant, or a category never seen in training) gets scale 0.

A category has an indicator of its own for each of its values. Where these are more than can be
afforded, keeping the most frequent would be a choice by chance among the equally frequent; the
matrix then holds the value's code, and a run reads it as ``log(1 + count)`` with the count in its
own training rows, 0 for values it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

ColumnKind = Literal["number", "indicator", "category", "code"]

MOST_INDICATORS = 1_000  # of one column
INDICATOR_BYTES = 2**27  # of the indicators of all categories together, but for 30 a column
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
            number, one ``"category"`` of a column (0 or 1), or the ``"code"`` of its category.
        levels: for each code column its number of codes, the last for a value not known.
    """

    matrix: np.ndarray
    columns: tuple[str, ...] = ()
    kinds: tuple[ColumnKind, ...] = ()
    levels: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Preparation:
    """What one run does to the shared matrix; fitted on its training rows only.

    Attributes:
        shift, scale: float32, shaped to broadcast against one example: ``(d,)`` for tables,
            ``(c, 1)`` for signals, ``(c, 1, 1)`` for images.
        counts: for each code column the ``(levels,)`` float32 values of its codes, to be shifted
            and scaled.
    """

    shift: np.ndarray
    scale: np.ndarray
    counts: Mapping[int, np.ndarray] = field(default_factory=dict)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Prepare rows ``(m, ...)`` of the matrix; returns new float32 of the same shape.

        Missing numbers become the training mean (0). Values are cut at 20 training standard
        deviations: far enough to leave extrapolation alone, near enough that one wild value in
        an unseen environment cannot overflow a network or a squared error.
        """
        if self.counts:
            rows = rows.copy()
            for column, values in self.counts.items():
                rows[:, column] = values[rows[:, column].astype(np.int64)]
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
    category becomes a 0/1 column ``"NAME=VALUE"`` for each of its values, missing being one of its
    own, or one column ``"NAME"`` of codes where these would be too many.

    Which values there are is told from all rows: that is vocabulary, and columns not seen in
    training are silenced by :func:`fit_preparation`.

    Args:
        X: ``(n, ...)`` examples.
        first: only the first so many rows decide how columns are encoded, and further ones are
            encoded alike; a category that these do not have counts as none. All of them when not
            given.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return Encoded(X.astype(np.float32))
    plan: list[tuple[str, ColumnKind]] = []
    fills: list[tuple[int, int, Fill]] = []
    levels: dict[int, int] = {}
    known = len(X) if first is None else first
    many = uncountable(X, known)
    for name, column in _columns(X):
        if name in many:
            described, fill, levels[len(plan)] = _plan_codes(name, column, known)
        else:
            described, fill = _plan(name, column, known)
        fills.append((len(plan), len(plan) + len(described), fill))
        plan += described
    matrix = np.empty((len(X), len(plan)), dtype=np.float32)
    for start, stop, fill in fills:
        fill(matrix[:, start:stop])
    return Encoded(matrix, tuple(name for name, _ in plan), tuple(kind for _, kind in plan), levels)


def uncountable(X: np.ndarray | pd.DataFrame, first: int | None = None) -> dict[str, int]:
    """Categories with more values than can have a column each: their names, and how many values.

    Decided on the ``first`` rows; all of them when not given.
    """
    if isinstance(X, np.ndarray):
        return {}
    rows = X.iloc[:first]
    counts = {
        str(name): int(rows[name].nunique(dropna=False))
        for name in X.columns
        if not pd.api.types.is_numeric_dtype(X[name].dtype)
        and not getattr(X[name].dtype, "ordered", False)
    }
    each = INDICATOR_BYTES // (4 * max(len(rows) * len(counts), 1))
    most = max(30, min(MOST_INDICATORS, each))
    return {name: count for name, count in counts.items() if count > most}


def fit_preparation(encoded: Encoded, rows: np.ndarray) -> Preparation:
    """Fit shift and scale on the training rows (indices or mask ``(n,)``) alone.

    Numbers, channels of images and of signals: mean and 1 / standard deviation (population
    formula, as scikit-learn's StandardScaler), missing values ignored; scale 0 when constant in
    these rows. Indicators and categories: shift 0, and scale 1 if ever seen in these rows, else 0.
    Codes: the logarithm of 1 plus their count in these rows, standardised as numbers are.
    """
    matrix = encoded.matrix
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    counts: dict[int, np.ndarray] = {}
    for column, levels in encoded.levels.items():
        count = np.bincount(matrix[rows, column].astype(np.int64), minlength=levels)
        counts[column] = np.log1p(count).astype(np.float32)
    scaler = StandardScaler()
    channels = matrix.shape[1]
    low, high = np.full(channels, np.nan), np.full(channels, np.nan)
    size = max(1, CHUNK_BYTES // max(1, 4 * int(np.prod(matrix.shape[1:]))))
    for start in range(0, len(rows), size):
        chunk = matrix[rows[start : start + size]]
        for column, values in counts.items():
            chunk[:, column] = values[chunk[:, column].astype(np.int64)]
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
        flags = np.array([kind in ("indicator", "category") for kind in encoded.kinds])
        shift = np.where(flags, 0.0, shift)
        scale = np.where(flags, high > 0, scale)
    shape = (channels, *(1,) * (matrix.ndim - 2))
    return Preparation(
        shift.astype(np.float32).reshape(shape), scale.astype(np.float32).reshape(shape), counts
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
            if not dtype.ordered:
                return _plan_categories(name, *_coded(column), first)
            codes = column.cat.codes.to_numpy(dtype=np.int64)
            column = np.where(codes < 0, np.nan, codes)
        elif not pd.api.types.is_numeric_dtype(dtype):
            return _plan_categories(name, *_coded(column), first)
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


def _coded(column: pd.Series) -> tuple[np.ndarray, Any]:
    """Codes ``(n,)`` of categories or texts, -1 for missing, and what they stand for."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(dtype=np.int64), column.cat.categories
    return pd.factorize(column, sort=True)


def _plan_categories(
    name: str, codes: np.ndarray, levels: Any, first: int
) -> tuple[list[tuple[str, ColumnKind]], Fill]:
    """One 0/1 column per level that the first rows have; the code -1 stands for missing."""
    present = np.unique(codes[:first])
    shown = [str(levels[k]) if k >= 0 else "(missing)" for k in present]

    def fill(out: np.ndarray) -> None:
        out[:] = 0
        place = np.minimum(np.searchsorted(present, codes), len(present) - 1)
        rows = np.flatnonzero(present[place] == codes)
        out[rows, place[rows]] = 1

    return [(f"{name}={label}", "category") for label in shown], fill


def _plan_codes(
    name: str, column: pd.Series, first: int
) -> tuple[list[tuple[str, ColumnKind]], Fill, int]:
    """One column of codes from 0, then one for missing and one for what the first rows lack."""
    codes, _ = _coded(column)
    count = int(codes[:first].max(initial=-1)) + 1

    def fill(out: np.ndarray) -> None:
        out[:, 0] = np.where(codes < 0, count, np.where(codes >= count, count + 1, codes))

    return [(name, "code")], fill, count + 2
