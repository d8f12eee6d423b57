"""Recognises what a column of a table is, and brings it into the form it has as a feature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.core import refuse_infinite
from gengap.environments.dates import DATE, Dates, dates_of
from gengap.environments.labels import folded, merged
from gengap.environments.repeats import ID_NAME
from gengap.environments.texts import (
    NEARLY_UNIQUE,
    PLAIN,
    SAMPLE,
    Style,
    are_free_text,
    is_long_text,
    is_text,
    parse_numbers,
    some_of,
    spread,
    text_levels,
)
from gengap.environments.words import vocabulary

Kind = Literal[
    "number",
    "boolean",
    "category",
    "ordered",
    "identifier",
    "text",
    "date",
    "constant",
    "empty",
    "other",
]

FEATURES: tuple[Kind, ...] = ("number", "boolean", "category", "ordered", "text")
MOST_UNREAD = 0.01  # share of a column's texts that may be no dates
FEW = 20  # rows below which "nearly unique" says nothing
MANY = 30  # distinct texts from which those of an identifier's form are one
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


@dataclass(frozen=True)
class Column:
    """What a column is, what it is as features, and what to say about it.

    Attributes:
        kind: what it is.
        values: ``(n,)`` as a feature; None when left out, and for dates.
        note: a sentence, or empty.
        dates: of dates that can be read; they become several features.
        style: how numbers that were text are written.
    """

    kind: Kind
    values: Any = None
    note: str = ""
    dates: Dates | None = None
    style: Style = PLAIN


def examine(series: pd.Series) -> Column:
    """Recognise one column and bring it into the form it has in ``X``."""
    label, dtype = f"Column {series.name!r}", series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(series.array, label)
    if pd.api.types.is_bool_dtype(dtype):
        return _number(series, label, "boolean")
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
        return _number(series, label)
    if dtype.kind == "m" and series.notna().any():
        days = series.dt.total_seconds() / 86_400
        return _number(days, label, before=f"{label} holds durations, read as days. ")
    if dtype.kind in "Mm" or isinstance(dtype, pd.PeriodDtype):
        return _left_out("empty", label) if series.isna().all() else _dates(series, label)
    if is_text(series):
        try:
            return _text(series, label)
        except TypeError:  # unhashable values
            return _left_out("other", label)
    return _left_out("other", label)


_REASONS: dict[Kind, str] = {
    "identifier": "names rows (nearly every value is different or a running number)",
    "text": "holds free text of which no word is in two rows",
    "date": "holds dates, of which too many cannot be read (name it as a factor to split by it)",
    "constant": "has one value in every row",
    "empty": "has no values",
    "other": "holds values that are no numbers, categories or text",
}


def _left_out(kind: Kind, label: str, before: str = "") -> Column:
    return Column(kind, None, f"{before}{label} {_REASONS[kind]}; it was left out.")


def _number(series: pd.Series, label: str, kind: Kind = "number", before: str = "") -> Column:
    """Examine a numeric column; its feature is float64, or float32 where it came as that."""
    narrow = series.dtype.kind == "f" and getattr(series.dtype, "itemsize", 8) <= 4
    values = series.to_numpy(dtype=np.float32 if narrow else np.float64, na_value=np.nan)
    refuse_infinite(values, label)
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    if np.isnan(low):
        return _left_out("empty", label, before)
    # One value beside missing ones still says something: that it is there.
    if low == high and not np.isnan(values).any():
        return _left_out("constant", label, before)
    if kind == "number" and _names_rows(values, high - low, str(series.name)):
        return _left_out("identifier", label, before)
    return Column(kind, values, before.rstrip())


def _dates(series: pd.Series, label: str) -> Column:
    """Examine a column of dates; what they become as features is in :mod:`.dates`."""
    dates = dates_of(series)
    present = int(dates.times.notna().sum())
    if not present or dates.unread > MOST_UNREAD * (present + dates.unread):
        return _left_out("date", label)
    if dates.times.nunique() == 1 and present == len(series):
        return _left_out("constant", label)
    return Column("date", dates=dates)


def _names_rows(values: np.ndarray, spread: float, name: str) -> bool:
    """Whether whole numbers ``(n,)`` number the rows, or carry an identifier's name and differ."""
    n = len(values)
    if n < FEW // 2 or not _all_whole(values[:SAMPLE]) or not _all_whole(values):
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return n >= FEW or bool((np.abs(steps) == 1).all())
    if n < FEW:
        return False
    numbered = spread == n - 1
    if not numbered and not ID_NAME.search(name):
        return False
    distinct = len(pd.unique(values))
    return distinct == n if numbered else distinct >= NEARLY_UNIQUE * n


def _all_whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())  # False where missing


def _text(series: pd.Series, label: str) -> Column:
    """Examine a text or object column: numbers written as text, dates, identifiers, categories."""
    objects = pd.api.types.is_object_dtype(series.dtype)
    if objects and pd.api.types.infer_dtype(series, skipna=True) == "boolean":
        return _number(series.astype("boolean"), label, "boolean")
    if is_long_text(series):
        return free_text(series)
    codes, levels = text_levels(series)
    if len(levels) == 0:
        return _left_out("empty", label)
    if (parsed := parse_numbers(levels, codes)) is not None:
        numbers = pd.Series(spread(parsed[0], codes, np.nan), name=series.name)
        return replace(_number(numbers, label, before=f"{label} {parsed[1]}. "), style=parsed[2])
    kind = _text_kind(some_of(levels), len(levels), int((codes >= 0).sum()))
    if kind == "date":
        return _dates(series, label)
    if kind == "text":
        return free_text(series)
    if kind != "category":
        return _left_out(kind, label)
    return _category(pd.Categorical.from_codes(codes, levels), label)


def free_text(series: pd.Series) -> Column:
    """A column whose words are to be features, whatever it looks like.

    Raises:
        UsageError: it holds no text.
    """
    label = f"Column {series.name!r}"
    if not is_text(series) and not isinstance(series.dtype, pd.CategoricalDtype):
        raise UsageError(f"{label} holds {series.dtype} values, of which no words can be features.")
    codes, levels = text_levels(series.astype("str").where(series.notna()))
    if not vocabulary(pd.Series(some_of(levels)), SAMPLE)[0]:
        return _left_out("text", label)
    return Column(
        "text",
        pd.Categorical.from_codes(codes, levels),
        f"{label} holds free text; features are its words, weighted by how rare they are (TF-IDF).",
    )


def _text_kind(sample: pd.Index, distinct: int, present: int) -> Kind:
    """Tell dates, identifiers, free text and categories apart by a sample of distinct texts."""
    share = distinct / present
    if sample.str.fullmatch(DATE).mean() > 0.9:
        return "date"
    if sample.str.fullmatch(_UUID).mean() > 0.9 and distinct > MANY:
        return "identifier"
    if are_free_text(sample, distinct, present):
        return "text"
    if share >= NEARLY_UNIQUE and (present >= FEW or (share == 1 and present >= FEW // 2)):
        return "identifier"
    return "category"


def _category(column: Any, label: str) -> Column:
    """Examine a categorical array; unused categories go, unordered ones are sorted by text."""
    column = column.remove_unused_categories()
    levels, present = column.categories, int((column.codes >= 0).sum())
    if len(levels) == 0:
        return _left_out("empty", label)
    if len(levels) == 1 and present == len(column):
        return _left_out("constant", label)
    if column.ordered:
        return Column("ordered", column)
    if len(levels) >= NEARLY_UNIQUE * present and present >= FEW:
        return _left_out("identifier", label)
    if alike := merged(levels, label):
        codes, distinct = pd.factorize(levels.map(folded))
        column = pd.Categorical.from_codes(spread(codes, column.codes, -1), distinct)
        levels = column.categories
    column = column.reorder_categories(sorted(levels, key=str), ordered=False)
    return Column("category", column, " ".join(alike))
