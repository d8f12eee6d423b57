"""Labels of environments, classes and categories: which are missing or look alike, and codes."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown

# No-break spaces are spaces; what is invisible and joins no letters is nothing.
_LOOKS = dict.fromkeys((0xA0, 0x2007, 0x202F), " ") | dict.fromkeys(
    (0xAD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF), ""
)


def folded(value: Any) -> Any:
    """One spelling of text that looks alike: composed accents, nothing invisible, plain spaces."""
    if not isinstance(value, str) or value.isascii():
        return value
    return unicodedata.normalize("NFC", value.translate(_LOOKS)).strip()


def merged(column: Any, label: str) -> list[str]:
    """Say which labels of a column ``(n,)`` look alike and count as one."""
    series = pd.Series(column)
    if series.dtype.kind in "fiubMm":
        return []
    spellings: dict[str, set[str]] = {}
    for text in {label_of(value) for value in series.dropna().unique()}:
        spellings.setdefault(folded(text), set()).add(text)
    alike = [name for name, texts in spellings.items() if len({t.strip() for t in texts}) > 1]
    if not alike:
        return []
    shown = listing(map(repr, sorted(alike)), 5)
    return [
        f"{label} spells {shown} in several ways that look alike (accents in two forms, invisible "
        "characters or special spaces); they count as one."
    ]


def refuse_missing(column: Any, label: str) -> None:
    """Raise :class:`UsageError` counting the missing entries of a column that must have none."""
    missing = np.asarray(pd.isna(column))
    if missing.any():
        raise UsageError(
            f"{label} has missing values in {int(missing.sum()):,} of {len(missing):,} rows (the "
            f"first is row {int(np.argmax(missing))}, counted from 0); leave those rows out with "
            "--drop-missing, or label them first (text such as 'NA' in a file counts as missing)."
        )


def codes_of(column: np.ndarray, label: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Code a column: numeric names in numeric order, all others in the order of their text.

    Values written the same (1, 1.0 and "1") get the same code.
    """
    refuse_missing(column, label)
    try:
        positions, distinct = pd.factorize(pd.Series(column))
    except TypeError:
        raise UsageError(
            f"{label} holds lists or other objects; give one number or text per row."
        ) from None
    # As NumPy scalars, floats of 32 bits are written with their own digits: 0.1.
    values = distinct.to_numpy() if distinct.dtype.kind == "f" else distinct
    labels = [folded(label_of(value)) for value in values]
    names = sorted(set(labels))
    # Text stays the tie-break: sorting is stable, so "1" and "01" keep their order.
    if all(_is_number(name) for name in names):
        names.sort(key=float)
    code = {name: k for k, name in enumerate(names)}
    return np.array([code[text] for text in labels], dtype=np.int64)[positions], tuple(names)


def codes_of_factor(factors: pd.DataFrame, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Code a factor whose values are to be environments.

    Raises:
        UsageError: there is no such factor, or it has one value only.
    """
    if column not in factors.columns:
        raise unknown(
            f"There is no factor column {column!r} to regroup by", column, factors.columns
        )
    codes, names = codes_of(factors[column].to_numpy(), f"Column {column!r}")
    if len(names) < 2:
        raise UsageError(f"Column {column!r} has only one value; regrouping needs two or more.")
    return codes, names


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def label_of(value: Any) -> str:
    """Write 3.0 as "3": a column of whole numbers with one missing value is read as floats."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
