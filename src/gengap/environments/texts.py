"""Texts and what they say: distinct levels, markers of missing values, numbers written as text."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import listing

SAMPLE = 10_000  # rows or levels on which patterns are judged
NEARLY_UNIQUE = 0.9  # share of distinct values from which a column names rows
MANY_SENTENCES = 300  # distinct ones from which sentences are free text even where they repeat
MISSING_MARKERS = frozenset(
    ["", "?", "-", "--", ".", "..", "na", "n/a", "#n/a", "nan", "null", "none", "missing"]
)
NUMBER_STYLES = "gengap_number_styles"  # in a table's attributes: how columns of it write numbers
Style = tuple[str, str]  # thousands separator, decimal mark
PLAIN: Style = ("", ".")
# In the order in which they are preferred.
STYLES: tuple[Style, ...] = (("", "."), (",", "."), (".", ","), (" ", "."), (" ", ","), ("'", "."))


def is_text(series: pd.Series) -> bool:
    """Whether a column may hold texts."""
    dtype = series.dtype
    return pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)


def text_levels(series: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return codes ``(n,)`` and distinct texts, outer spaces removed; blanks are missing (-1)."""
    codes, distinct = pd.factorize(series)
    if pd.api.types.is_object_dtype(series.dtype):
        distinct = pd.Index([str(value) for value in distinct])
    texts = pd.Series(distinct, dtype="str")
    stripped = texts.str.strip()
    if stripped.equals(texts) and not (texts == "").any() and texts.is_unique:
        return codes, pd.Index(texts)
    again, levels = pd.factorize(stripped.where(stripped != ""))
    return spread(again, codes, -1), pd.Index(levels, dtype="str")


def spread(per_level: np.ndarray, codes: np.ndarray, missing: Any) -> np.ndarray:
    """Give every row its level's value, and ``missing`` where it has none."""
    if len(per_level) == 0:
        return np.full(len(codes), missing)
    values = per_level[codes]
    values[codes < 0] = missing
    return values


def some_of(levels: pd.Index) -> pd.Index:
    """At most about 10,000 of many levels, spread evenly."""
    return levels[:: max(1, len(levels) // SAMPLE)]


def is_free_text(series: pd.Series) -> bool:
    """Whether texts are sentences of which most differ, or very many."""
    if is_long_text(series):
        return True
    codes, levels = text_levels(series)
    return are_free_text(some_of(levels), len(levels), int((codes >= 0).sum()))


def are_free_text(sample: pd.Index, distinct: int, present: int) -> bool:
    """The same, told by a sample of ``distinct`` texts in ``present`` rows."""
    several = distinct > 0.5 * present or distinct > MANY_SENTENCES
    return len(sample) > 0 and several and _are_sentences(sample)


def is_long_text(series: pd.Series) -> bool:
    """Whether a large column is plainly free text, told without collecting its distinct texts."""
    if len(series) <= SAMPLE:
        return False
    sample = series.iloc[:: len(series) // SAMPLE].dropna()
    if len(sample) < SAMPLE // 10 or sample.nunique() < NEARLY_UNIQUE * len(sample):
        return False
    return _are_sentences(pd.Index(sample.astype(str)))


def _are_sentences(texts: pd.Index) -> bool:
    words = float(np.mean(texts.str.count(r"\s+"))) + 1
    return words >= 5 or float(np.mean(texts.str.len())) >= 60


def parse_numbers(levels: pd.Index, codes: np.ndarray) -> tuple[np.ndarray, str, Style] | None:
    """Read texts as numbers if at least 99% of them are; else None.

    Returns the number per level (NaN for markers such as "?" and for what is no number), a phrase
    on how they were read, and the style they are written in. "1,234" alone is taken for a
    thousand; one "1,23" among them makes the comma a decimal mark. Texts such as "007" are codes,
    not numbers.
    """
    plain = _plain(levels)
    sample = some_of(plain)
    sample = sample[~sample.str.lower().isin(MISSING_MARKERS)]
    if sample.str.match(r"[+-]?0\d").any():
        return None
    best, chosen = 0.0, PLAIN
    for style in STYLES:
        share = float(np.mean(sample.str.fullmatch(_number_pattern(*style)))) if len(sample) else 1
        if share > best:
            best, chosen = share, style
    if best < 0.99:
        return None
    numbers, fits = _read(plain, chosen)
    return numbers, _how_read(plain, codes, numbers, fits, *chosen), chosen


def numbers_in(column: pd.Series, style: Style) -> np.ndarray:
    """Numbers ``(n,)`` of a column of texts in a style; NaN for what is not written so."""
    codes, levels = text_levels(column)
    return spread(_read(_plain(levels), style)[0], codes, np.nan)


def _plain(levels: pd.Index) -> pd.Index:
    return levels.str.replace("[\u00a0\u202f]", " ", regex=True).str.replace("\u2019", "'")


def _read(plain: pd.Index, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Numbers per level in a style, NaN for what is not written so, and which are."""
    thousands, decimal = style
    fits = np.asarray(plain.str.fullmatch(_number_pattern(thousands, decimal)), dtype=bool)
    digits = plain.str.replace(thousands, "", regex=False) if thousands else plain
    digits = digits.str.replace(decimal, ".", regex=False)
    numbers = np.full(len(plain), np.nan)
    numbers[fits] = [float(text) for text in digits[fits]]
    return numbers, fits


def _number_pattern(thousands: str, decimal: str) -> str:
    point = re.escape(decimal)
    grouped = rf"[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+|" if thousands else ""
    return rf"[+-]?(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _how_read(
    levels: pd.Index,
    codes: np.ndarray,
    numbers: np.ndarray,
    fits: np.ndarray,
    thousands: str,
    decimal: str,
) -> str:
    phrase = "holds numbers stored as text"
    marks = [(thousands, "between thousands")] if thousands else []
    marks += [(",", "as decimal mark")] if decimal == "," else []
    for mark, meaning in marks:
        uses = np.flatnonzero(fits & np.asarray(levels.str.contains(mark, regex=False)))
        if len(uses):
            example = f"{levels[uses[0]]!r} was read as {numbers[uses[0]]:.12g}"
            phrase += f", {mark!r} {meaning} ({example})"
    if not fits.all():
        rows = int((~fits)[codes[codes >= 0]].sum())
        shown = listing((repr(level) for level in levels[~fits]), 5)
        phrase += f"; {shown} in {rows:,} row{'s' * (rows != 1)} counts as missing"
    return phrase
