"""Environments from columns: one, several crossed, or parts of numbers and dates.

``hospital`` is a column; ``hospital,year`` every combination of two; ``age:5`` five bins of about
as many rows each; ``admitted:year`` (or ``quarter``, ``month``) the calendar's parts. They combine:
``hospital,age:3``. A column that is called just so goes before.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.dates import DATE, dates_of
from gengap.environments.labels import codes_of, label_of
from gengap.environments.texts import is_text, parse_numbers, some_of, spread, text_levels

CALENDAR = {"year": "%Y", "quarter": "", "month": "%Y-%m"}
BETWEEN = " / "  # the labels of crossed columns
COMBINED = " combination"  # what an environment of crossed columns is called, after their names


class Part(NamedTuple):
    """A column, and into how many bins or which calendar parts it is cut; None for neither."""

    column: Hashable
    cut: int | str | None = None


class Grouping(NamedTuple):
    """Where each row came from.

    Attributes:
        labels: ``(n,)``, missing where the row has no value.
        order: all labels in the order that they are told in; empty for that of their text.
        kind: what one is called.
        notes: what was made of the columns.
    """

    labels: Any
    order: tuple[str, ...]
    kind: str
    notes: tuple[str, ...]


def parse_environment(said: str | Sequence[str], columns: Sequence[Hashable]) -> tuple[Part, ...]:
    """Read which columns say the environment.

    Raises:
        UsageError: no such column, one twice, or a cut that is none.
    """
    words: list[Any]
    if isinstance(said, Hashable) and said in columns:
        words = [said]
    else:
        words = [w.strip() for w in said.split(",")] if isinstance(said, str) else list(said)
    parts = tuple(_part(word, columns) for word in words if word != "")
    if not parts:
        raise UsageError("The environment is empty; name the column that says it.")
    names = [part.column for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"The environment names column {twice[0]!r} twice; name it once.")
    return parts


def _part(word: Any, columns: Sequence[Hashable]) -> Part:
    column: Hashable = word
    cut: int | str | None = None
    if word not in columns and isinstance(word, str):
        column, colon, tail = word.rpartition(":")
        if not colon or column not in columns:
            column, cut = word, None
        elif tail in CALENDAR:
            cut = tail
        elif tail.isdecimal() and tail.isascii() and 2 <= int(tail[:9]) <= 1000:
            cut = int(tail)
        else:
            raise UsageError(
                f"{tail!r} in the environment {word!r} cuts column {column!r} into nothing; give a "
                f"number of bins from 2 to 1000, or of dates {listing(CALENDAR)}."
            )
    if column not in columns:
        raise unknown(f"There is no column {column!r} for the environment", column, columns, 40)
    return Part(column, cut)


def grouped(frame: pd.DataFrame, parts: Sequence[Part]) -> Grouping:
    """Label every row of a table with its environment.

    Raises:
        UsageError: a column that is to be cut holds no numbers or dates, or too few of them.
    """
    if len(parts) == 1 and parts[0].cut is None:
        column = frame[parts[0].column]
        return Grouping(column, (), str(parts[0].column), ())
    made = [_cut(frame[part.column], part.cut) for part in parts]
    kind = "-".join(each.kind for each in made) + COMBINED
    notes = tuple(note for each in made for note in each.notes)
    if len(made) == 1:
        return made[0]
    codes = [pd.Categorical(each.labels, categories=each.order).codes for each in made]
    missing = np.any([own < 0 for own in codes], axis=0)
    seen, rows = np.unique(np.stack(codes), axis=1, return_inverse=True)
    names = np.array(
        [BETWEEN.join(e.order[c] for e, c in zip(made, own, strict=True)) for own in seen.T],
        dtype=object,
    )
    labels = names[rows.ravel()]
    labels[missing] = None
    order = tuple(name for name, own in zip(names, seen.T, strict=True) if (own >= 0).all())
    crossed = " and ".join(each.kind for each in made)
    said = f"Environments are the {len(order):,} combinations of {crossed} that occur."
    return Grouping(labels, order, kind, (*notes, said))


def _cut(column: pd.Series, cut: int | str | None) -> Grouping:
    """Label one column's rows by its values, or by what they are cut into."""
    name = str(column.name)
    if cut is None:
        return _values(column, name)
    dates = _dates(column)
    if isinstance(cut, str):
        if dates is None:
            raise UsageError(
                f"Column {name!r} holds no dates, so it cannot be cut by {cut}; give a number of "
                f"bins, such as {name}:5."
            )
        return _calendar(dates, cut, name)
    return _bins(column, dates, cut, name)


def _values(column: pd.Series, name: str) -> Grouping:
    """Its values as labels; those of numbers and flags with the column's name, to be understood."""
    if is_text(column):
        codes, levels = text_levels(column)
        column = pd.Series(spread(levels.to_numpy(dtype=object), codes, None))
    present = column.notna().to_numpy()
    codes, names = codes_of(column[present].to_numpy(), f"Column {name!r}")
    if pd.api.types.is_numeric_dtype(column.dtype):
        names = tuple(f"{name} {value}" for value in names)
    labels = np.full(len(column), None, dtype=object)
    labels[present] = np.array(names, dtype=object)[codes]
    return Grouping(labels, names, name, ())


def _dates(column: pd.Series) -> pd.Series | None:
    if column.dtype.kind == "M" or isinstance(column.dtype, pd.PeriodDtype):
        return dates_of(column).times
    if not is_text(column):
        return None
    levels = text_levels(column)[1]
    if len(levels) == 0 or some_of(levels).str.fullmatch(DATE).mean() <= 0.9:
        return None
    return dates_of(column).times


def _calendar(times: pd.Series, cut: str, name: str) -> Grouping:
    if cut == "quarter":
        texts = times.dt.year.astype("Int64").astype("str") + " Q" + times.dt.quarter.astype("str")
    else:
        texts = times.dt.strftime(CALENDAR[cut])
    labels = texts.astype(object).where(times.notna(), None).to_numpy()
    order = tuple(sorted({text for text in labels if text is not None}))
    return Grouping(labels, order, f"{name} {cut}", ())


def _bins(column: pd.Series, dates: pd.Series | None, count: int, name: str) -> Grouping:
    """Cut numbers or dates between distinct values, into bins of about as many rows each."""
    values = _numbers(column, name) if dates is None else _instants(dates)
    present = ~np.isnan(values)
    distinct = np.unique(values[present])
    if len(distinct) < 2:
        raise UsageError(f"Column {name!r} has fewer than two values, so it cannot be cut.")
    edges = np.unique(np.quantile(values[present], np.arange(1, count) / count))
    bins = np.searchsorted(edges, values[present])
    bins = np.unique(bins, return_inverse=True)[1]  # an edge at the largest value cuts nothing off
    ends = [(values[present][bins == k].min(), values[present][bins == k].max())
            for k in range(int(bins.max()) + 1)]  # fmt: skip
    names = _readable(ends, name, dates is not None)
    labels = np.full(len(values), None, dtype=object)
    labels[present] = np.array(names, dtype=object)[bins]
    sizes = np.bincount(bins)
    shown = listing((f"{n} ({k:,})" for n, k in zip(names, sizes, strict=True)), 12)
    fewer = "" if len(names) == count else f" of the {count} asked for, for many rows are alike"
    said = (
        f"Column {name!r} was cut into {len(names)} bins{fewer}, with rows: {shown}; it is no "
        "feature."
    )
    return Grouping(labels, tuple(names), f"{name} bin", (said,))


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    refusal = UsageError(
        f"Column {name!r} holds no numbers or dates, so it cannot be cut into bins; give its name "
        "alone."
    )
    if is_text(column):
        codes, levels = text_levels(column)
        parsed = parse_numbers(levels, codes) if len(levels) else None
        if parsed is None:
            raise refusal
        column = pd.Series(spread(parsed[0], codes, np.nan))
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "c":
        raise refusal
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise UsageError(f"Column {name!r} has infinite values; replace them before cutting it.")
    return values


def _instants(times: pd.Series) -> np.ndarray:
    """Days since 1970, ``(n,)`` float64."""
    return ((times - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(np.float64, na_value=np.nan)


def _readable(ends: list[tuple[float, float]], name: str, dates: bool) -> list[str]:
    """Names of bins by their least and largest values, with as few digits as keep them apart."""
    if dates:
        texts = [tuple(f"{_date(v):%Y-%m-%d}" for v in pair) for pair in ends]
        return _distinct([_from_to(name, *pair) for pair in texts])
    for digits in range(3, 18):
        texts = [tuple(_written(v, digits) for v in pair) for pair in ends]
        pairs = pairwise(texts)
        if all(float(high) < float(low) for (_, high), (low, _) in pairs):
            break
    return _distinct([_from_to(name, *pair) for pair in texts])


def _date(days: float) -> pd.Timestamp:
    return pd.Timestamp(0) + pd.Timedelta(days=days)


def _written(value: float, digits: int) -> str:
    if value == int(value) and abs(value) < 1e15:
        return label_of(float(value))
    return f"{value:.{digits}g}"


def _from_to(name: str, low: str, high: str) -> str:
    return f"{name} {low}" if low == high else f"{name} {low} to {high}"


def _distinct(names: list[str]) -> list[str]:
    """Names that differ: of bins within one day, those after the first get a number."""
    return [
        name if names.index(name) == k else f"{name} ({names[: k + 1].count(name)})"
        for k, name in enumerate(names)
    ]
