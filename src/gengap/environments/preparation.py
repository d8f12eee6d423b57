"""One shared numeric matrix for all runs, and per run only a shift and a scale.

Runs differ in the rows they train on, so they differ in means, spreads and the categories they
have seen, but not in the examples. The examples are therefore encoded once, and a run keeps two
vectors fitted on its own training rows: ``x -> (x - shift) * scale``. A column that a run cannot
have learnt anything about (constant, or a category never seen in training) gets scale 0.

A category has an indicator of its own for each of its values. Where these are more than can be
afforded, keeping the most frequent would be a choice by chance among the equally frequent; the
matrix then holds the value's code, and a run reads it as ``log(1 + count)`` with the count in its
own training rows, 0 for values it never saw.

Free text has a column for each of its terms, of counts; a run weighs them by their rarity in its
own training rows and brings each row's to one length (:mod:`gengap.environments.words`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from gengap.environments.words import fill_counts, most_terms, vocabulary, weights, words_of

ColumnKind = Literal["number", "indicator", "category", "code", "term"]

MOST_INDICATORS = 1_000  # of one column
INDICATOR_BYTES = 2**27  # of the indicators of all categories together, but for 30 a column
CHUNK_BYTES = 2**26  # rows are worked on in pieces of about this size
CLIP = 20.0  # standardised values beyond this many standard deviations are cut


@dataclass(frozen=True)
class ColumnCode:
    """How one column of a table becomes columns of the matrix; all that must be kept of its rows.

    Attributes:
        name: of the column.
        kind: ``"number"``, also of ordered categories; ``"category"``, an indicator for each value;
            ``"code"``, one column of codes; or ``"text"``, a column of counts for each term.
        middle: what is subtracted from a number, the median; 0 where none was seen.
        exponent: of the power of two by which a number is divided.
        marked: whether a missing number also has an indicator.
        present: codes of the categories with an indicator, ascending; -1 stands for missing.
        count: number of codes of known categories.
        terms: of free text, in the order of their columns.
        least: how many of a run's training rows must hold a term for the run to learn from it.
    """

    name: str
    kind: Literal["number", "category", "code", "text"]
    middle: float = 0.0
    exponent: int = 0
    marked: bool = False
    present: tuple[int, ...] = ()
    count: int = 0
    terms: tuple[str, ...] = ()
    least: int = 0

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        if self.kind == "text":
            return len(self.terms)
        return len(self.present) if self.kind == "category" else 1 + self.marked


@dataclass(frozen=True, eq=False)
class Encoded:
    """All examples as numbers, the same for every run.

    Attributes:
        matrix: ``(n, ...)`` float32; missing numbers are NaN.
        columns: ``(d,)`` names of a table's columns; empty for images and signals.
        kinds: ``(d,)`` what each column is: a ``"number"``, the ``"indicator"`` of a missing
            number, one ``"category"`` of a column (0 or 1), the ``"code"`` of its category, or how
            often it holds a ``"term"``.
        levels: for each code column its number of codes, the last for a value not known.
        codes: how each column of the table was encoded.
    """

    matrix: np.ndarray
    columns: tuple[str, ...] = ()
    kinds: tuple[ColumnKind, ...] = ()
    levels: Mapping[int, int] = field(default_factory=dict)
    codes: tuple[ColumnCode, ...] = ()

    @property
    def texts(self) -> tuple[tuple[int, int], ...]:
        """Where the terms of each column of free text begin and end in the matrix."""
        ends = np.cumsum([own.width for own in self.codes])
        places = zip(self.codes, ends.tolist(), strict=True)
        return tuple((end - own.width, end) for own, end in places if own.terms)


@dataclass(frozen=True, eq=False)
class Preparation:
    """What one run does to the shared matrix; fitted on its training rows only.

    Attributes:
        shift, scale: float32, shaped to broadcast against one example: ``(d,)`` for tables,
            ``(c, 1)`` for signals, ``(c, 1, 1)`` for images.
        counts: for each code column the ``(levels,)`` float32 values of its codes, to be shifted
            and scaled.
        texts: where the terms of each column of free text begin and end.
        lengths: float32, one for each of these, to which a row's terms are brought when scaled.
        clip: prepared values further from 0 are cut.
    """

    shift: np.ndarray
    scale: np.ndarray
    counts: Mapping[int, np.ndarray] = field(default_factory=dict)
    texts: tuple[tuple[int, int], ...] = ()
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    clip: float = CLIP

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Prepare rows ``(m, ...)`` of the matrix; returns new float32 of the same shape.

        Missing numbers become the training mean (0). Values are cut at 20 training standard
        deviations, unless ``clip`` says otherwise: far enough to leave extrapolation alone, near
        enough that one wild value in an unseen environment cannot overflow a network or a squared
        error.
        """
        if self.counts:
            rows = rows.copy()
            for column, values in self.counts.items():
                rows[:, column] = values[rows[:, column].astype(np.int64)]
        prepared = np.subtract(rows, self.shift, dtype=np.float32)
        prepared *= self.scale
        for (start, end), wanted in zip(self.texts, self.lengths, strict=True):
            length = np.linalg.norm(prepared[:, start:end], axis=1, keepdims=True)
            prepared[:, start:end] *= wanted / np.where(length > 0, length, 1)
        np.nan_to_num(prepared, copy=False, nan=0.0)
        return np.clip(prepared, -self.clip, self.clip, out=prepared)


def encode(X: np.ndarray | pd.DataFrame) -> Encoded:
    """Encode examples as one float32 matrix; ``X`` is not modified.

    Arrays of more than two dimensions are only cast. In tables a number becomes its difference
    from the column's median, taken in float64 so that large offsets (such as timestamps) keep
    their digits; each run standardises again, so the median cancels. A number with missing values
    also gets a 0/1 column ``"NAME is missing"``. An ordered category becomes its rank; any other
    category becomes a 0/1 column ``"NAME=VALUE"`` for each of its values, missing being one of its
    own, or one column ``"NAME"`` of codes where these would be too many. Free text becomes a column
    ``"NAME 'TERM'"`` of counts for each term.

    Which values there are is told from all rows: that is vocabulary, and columns not seen in
    training are silenced by :func:`fit_preparation`.

    Args:
        X: ``(n, ...)`` examples.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return Encoded(X.astype(np.float32))
    many = uncountable(X)
    texts = words_of(X)
    most = most_terms(len(X), len(texts))
    codes = tuple(
        _text_code(name, column, most) if name in texts else _code(name, column, name in many)
        for name, column in _columns(X)
    )
    return encoded_by(X, codes)


def encoded_by(X: np.ndarray | pd.DataFrame, codes: Sequence[ColumnCode]) -> Encoded:
    """Encode examples ``(n, ...)``, perhaps none, as codes say; with the names of the columns.

    Args:
        X: as of :func:`encode_alike`.
        codes: how those that decided were encoded; none for more than two dimensions.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return Encoded(X.astype(np.float32))
    described: list[tuple[str, ColumnKind]] = []
    levels: dict[int, int] = {}
    for own, (_, column) in zip(codes, _columns(X), strict=True):
        if own.kind == "code":
            levels[len(described)] = own.count + 2
        described += _described(own, column)
    names, kinds = tuple(name for name, _ in described), tuple(kind for _, kind in described)
    return Encoded(encode_alike(X, codes), names, kinds, levels, tuple(codes))


def encode_alike(X: np.ndarray | pd.DataFrame, codes: Sequence[ColumnCode]) -> np.ndarray:
    """Encode examples ``(n, ...)`` as others were; a category that those did not have is none.

    Args:
        X: examples whose columns are those of the others, in the same order and of the same kinds.
        codes: how those were encoded.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:
        return X.astype(np.float32)
    matrix = np.empty((len(X), sum(own.width for own in codes)), dtype=np.float32)
    at = 0
    for own, (_, column) in zip(codes, _columns(X), strict=True):
        _fill(own, column, matrix[:, at : at + own.width])
        at += own.width
    return matrix


def uncountable(X: np.ndarray | pd.DataFrame) -> dict[str, int]:
    """Categories with more values than can have a column each: their names, and how many values."""
    if isinstance(X, np.ndarray):
        return {}
    texts = words_of(X)
    counts = {
        str(name): int(X[name].nunique(dropna=False))
        for name in X.columns
        if str(name) not in texts
        and not pd.api.types.is_numeric_dtype(X[name].dtype)
        and not getattr(X[name].dtype, "ordered", False)
    }
    each = INDICATOR_BYTES // (4 * max(len(X) * len(counts), 1))
    most = max(30, min(MOST_INDICATORS, each))
    return {name: count for name, count in counts.items() if count > most}


def fit_preparation(encoded: Encoded, rows: np.ndarray) -> Preparation:
    """Fit shift and scale on the training rows (indices or mask ``(n,)``) alone.

    Numbers, channels of images and of signals: mean and 1 / standard deviation (population
    formula, as scikit-learn's StandardScaler), missing values ignored; scale 0 when constant in
    these rows. Indicators and categories: shift 0, and scale 1 if ever seen in these rows, else 0.
    Codes: the logarithm of 1 plus their count in these rows, standardised as numbers are. Terms:
    shift 0, and scale their inverse document frequency in these rows; their length is the square
    root of how many different terms these rows hold on average.
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
    holding = [np.zeros(end - start, np.int64) for start, end in encoded.texts]
    size = max(1, CHUNK_BYTES // max(1, 4 * int(np.prod(matrix.shape[1:]))))
    for start in range(0, len(rows), size):
        chunk = matrix[rows[start : start + size]]
        for known, (first, last) in zip(holding, encoded.texts, strict=True):
            known += np.count_nonzero(chunk[:, first:last], axis=0)
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
    least = [own.least for own in encoded.codes if own.terms]
    for known, (first, last), fewest in zip(holding, encoded.texts, least, strict=True):
        shift[first:last], scale[first:last] = 0.0, weights(known, len(rows), fewest)
    lengths = [
        np.sqrt(known[scale[first:last] > 0].sum() / max(len(rows), 1))
        for known, (first, last) in zip(holding, encoded.texts, strict=True)
    ]
    shape = (channels, *(1,) * (matrix.ndim - 2))
    return Preparation(
        shift.astype(np.float32).reshape(shape),
        scale.astype(np.float32).reshape(shape),
        counts,
        encoded.texts,
        np.array(lengths, np.float32),
    )


def _columns(X: np.ndarray | pd.DataFrame) -> list[tuple[str, Any]]:
    if isinstance(X, np.ndarray):
        return [(f"x{k}", X[:, k]) for k in range(X.shape[1])]
    return [(str(name), X[name]) for name in X.columns]


def _code(name: str, column: Any, many: bool) -> ColumnCode:
    """How a column is to be encoded; ``many`` where its values are too many for a column each."""
    if (numbers := _numbers(column)) is not None:
        return _number_code(name, numbers)
    codes, _ = _coded(column)
    if many:
        return ColumnCode(name, "code", count=int(codes.max(initial=-1)) + 1)
    return ColumnCode(name, "category", present=tuple(np.unique(codes).tolist()))


def _text_code(name: str, column: pd.Series, most: int) -> ColumnCode:
    terms, least = vocabulary(column, most)
    return ColumnCode(name, "text", terms=terms, least=least)


def _number_code(name: str, column: np.ndarray) -> ColumnCode:
    missing = _missing(column)
    if missing.all():
        return ColumnCode(name, "number", marked=bool(missing.any()))
    values = column.astype(np.float64)
    middle = float(np.nanmedian(values))
    # A power of two is exact and cancels in every run; without it 1e300 would overflow.
    exponent = int(np.frexp(np.nanmax(np.abs(values - middle)))[1])
    return ColumnCode(
        name, "number", middle, exponent if abs(exponent) > 60 else 0, bool(missing.any())
    )


def _described(own: ColumnCode, column: Any) -> list[tuple[str, ColumnKind]]:
    """Names and kinds of the columns that one column of the table becomes."""
    if own.kind == "number":
        mark: list[tuple[str, ColumnKind]] = [(f"{own.name} is missing", "indicator")]
        return [(own.name, "number"), *mark[: own.marked]]
    if own.kind == "code":
        return [(own.name, "code")]
    if own.kind == "text":
        return [(f"{own.name} '{term}'", "term") for term in own.terms]
    _, levels = _coded(column)
    shown = [str(levels[k]) if k >= 0 else "(missing)" for k in own.present]
    return [(f"{own.name}={label}", "category") for label in shown]


def _fill(own: ColumnCode, column: Any, out: np.ndarray) -> None:
    """Encode a column ``(n,)`` into its columns of the matrix ``(n, width)``."""
    if own.kind == "number":
        numbers = _numbers(column)
        assert numbers is not None
        values = numbers.astype(np.float64)
        if own.middle:
            values -= own.middle
        if own.exponent:
            values = np.ldexp(values, -own.exponent)
        out[:, 0] = values
        if own.marked:
            out[:, 1] = _missing(numbers)
        return
    if own.kind == "text":
        fill_counts(column, own.terms, out)
        return
    codes, _ = _coded(column)
    if own.kind == "code":
        count = own.count
        out[:, 0] = np.where(codes < 0, count, np.where(codes >= count, count + 1, codes))
        return
    out[:] = 0
    present = np.array(own.present, np.int64)
    place = np.minimum(np.searchsorted(present, codes), len(present) - 1)
    rows = np.flatnonzero(present[place] == codes)
    out[rows, place[rows]] = 1


def _missing(column: np.ndarray) -> np.ndarray:
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=bool)


def _numbers(column: Any) -> np.ndarray | None:
    """A column's numbers ``(n,)``, or ranks of an ordered category; None for other categories."""
    if isinstance(column, np.ndarray):
        return column
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.dtype.ordered:
            return None
        codes = column.cat.codes.to_numpy(dtype=np.int64)
        return np.where(codes < 0, np.nan, codes)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return None
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _coded(column: pd.Series) -> tuple[np.ndarray, Any]:
    """Codes ``(n,)`` of categories or texts, -1 for missing, and what they stand for."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(dtype=np.int64), column.cat.categories
    return pd.factorize(column, sort=True)
