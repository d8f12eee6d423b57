"""Puts unlabelled examples below the labelled ones, column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.environments.dates import date_of, with_date_features
from gengap.environments.labels import folded
from gengap.environments.texts import (
    MISSING_MARKERS,
    NUMBER_STYLES,
    PLAIN,
    Style,
    is_text,
    numbers_in,
)
from gengap.environments.vectors import vector_of, with_vectors


def joined(X: np.ndarray | pd.DataFrame, new: Any) -> np.ndarray | pd.DataFrame:
    """Return the examples ``X (n, ...)`` and, below them, the new ``(m, ...)``; neither is changed.

    Columns of a new table are found by name and read as the kind they are in ``X``; further ones
    are ignored. Categories that ``X`` does not have are kept as such.

    Rows in messages count from 1, without the header.

    Raises:
        UsageError: no rows, another shape, columns missing, or text and infinities for numbers.
    """
    if not isinstance(X, pd.DataFrame):
        return _joined_arrays(X, new)
    if not isinstance(new, pd.DataFrame):
        raise UsageError("The new examples must be a DataFrame, as the labelled ones are.")
    new = with_vectors(X, with_date_features(X, new))
    if missing := dict.fromkeys(
        vector_of(date_of(c, X)) for c in X.columns if c not in new.columns
    ):
        raise UsageError(
            f"The new examples have no column {listing(map(repr, missing))}; they need every "
            "feature that the model learns from."
        )
    if len(new) == 0:
        raise UsageError("There are no new examples; give at least one row.")
    both = pd.DataFrame(
        {str(name): _joined_column(X[name], new[name], style_of(X, name)) for name in X.columns}
    )
    both.attrs = dict(X.attrs)
    return both


def below(X: np.ndarray | pd.DataFrame, new: Any) -> np.ndarray | pd.DataFrame:
    """The new examples ``(m, ...)`` alone, their columns ordered and read as those of ``X``.

    Raises:
        UsageError: see :func:`joined`.
    """
    both = joined(X, new)
    return both.iloc[len(X) :] if isinstance(both, pd.DataFrame) else both[len(X) :]


def _joined_arrays(X: np.ndarray, new: Any) -> np.ndarray:
    below = np.asarray(new)
    if below.ndim != X.ndim or below.shape[1:] != X.shape[1:] or len(below) == 0:
        raise UsageError(
            f"The new examples have shape {below.shape}; give one or more of shape {X.shape[1:]}, "
            "as the labelled ones are."
        )
    if below.dtype.kind not in "fiub" or np.isinf(below).any():
        raise UsageError("The new examples must be finite numbers, or NaN where missing.")
    return np.concatenate([X, below])


def _joined_column(old: pd.Series, new: pd.Series, style: Style) -> Any:
    if isinstance(old.dtype, pd.CategoricalDtype):
        return _joined_categories(old, new)
    label = f"Column {old.name!r} of the new examples"
    numbers, bad = _numbers(new, style)
    if bad.any():
        row = int(np.argmax(bad))
        raise UsageError(
            f"{label} holds {str(new.iloc[row])!r} in row {row + 1}, where the labelled ones have "
            "numbers; write plain numbers or leave the cell empty."
        )
    if (infinite := np.isinf(numbers)).any():
        raise UsageError(
            f"{label} has an infinite value in row {int(np.argmax(infinite)) + 1}; leave the cell "
            "empty or drop the row."
        )
    return np.concatenate([old.to_numpy(dtype=np.float64, na_value=np.nan), numbers])


def unreadable(X: np.ndarray | pd.DataFrame, new: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """The new examples without what cannot be read in them, and which rows these are.

    Args:
        X: labelled examples, or their form alone.
        new: a table or an array ``(m, ...)``; columns that are missing are left to :func:`joined`.

    Returns:
        the examples, with missing numbers for text and infinities where ``X`` has numbers; what is
        wrong with each row ``(m,)``, empty where nothing is; and the column at fault, or None.
    """
    reason = np.full(len(new), "", dtype=object)
    column = np.full(len(new), None, dtype=object)
    if not isinstance(X, pd.DataFrame) or not isinstance(new, pd.DataFrame):
        return new, reason, column
    repaired = {}
    for name in X.columns:
        if name not in new.columns or isinstance(X[name].dtype, pd.CategoricalDtype):
            continue
        numbers, bad = _numbers(new[name], style_of(X, name))
        infinite = np.isinf(numbers)
        for row in np.flatnonzero((bad | infinite) & (reason == "")):
            held = "an infinite value" if infinite[row] else repr(str(new[name].iloc[row])[:40])
            reason[row], column[row] = f"column {str(name)!r} holds {held}, no number", str(name)
        if (bad | infinite).any():
            repaired[name] = np.where(bad | infinite, np.nan, numbers)
    return new.assign(**repaired) if repaired else new, reason, column


def style_of(X: pd.DataFrame, name: Any) -> Style:
    """How a column of the labelled examples wrote its numbers, where they were text."""
    thousands, decimal = X.attrs.get(NUMBER_STYLES, {}).get(str(name), PLAIN)
    return thousands, decimal


def _numbers(new: pd.Series, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``(m,)``, NaN where missing, and which values are neither.

    Texts are read as those of training were, where these did not write plain numbers.
    """
    if style != PLAIN and is_text(new):
        numbers = numbers_in(new, style)
    else:
        numbers = pd.to_numeric(new, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = new.astype("str").str.strip().str.lower()
    known = text.isin(MISSING_MARKERS).to_numpy()
    return numbers, np.isnan(numbers) & new.notna().to_numpy() & ~known


def _joined_categories(old: pd.Series, new: pd.Series) -> pd.Categorical:
    known = old.cat.categories
    values = new.astype("object")
    if all(isinstance(level, str) for level in known):
        spelled = {folded(level): level for level in known}
        values = values.map(
            lambda value: spelled.get(folded(str(value).strip()), str(value).strip()),
            na_action="ignore",
        )
    other = sorted(set(values.dropna()) - set(known), key=str)
    if old.cat.ordered:  # no rank can be given to a value that the order does not hold
        values, other = values.where(values.isin(known), None), []
    return pd.Categorical(
        [*old.astype("object"), *values], [*known, *other], ordered=old.cat.ordered
    )
