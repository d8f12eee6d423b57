"""What every format's table goes through: names as text, one type a column, rows from 0."""

from __future__ import annotations

import contextlib
import datetime
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.environments.labels import label_of

NOTES = "gengap_notes"  # where a table's attributes keep what its reader assumed


def settled(frame: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Return a table whose columns hold one type each; ``path`` is named in errors.

    Decimals become floats and plain dates timestamps. A column of numbers and text becomes text, or
    7 and "7" would be different values; lists and other objects are left as they are.

    Raises:
        UsageError: several columns of one name.
    """
    notes = frame.attrs.get(NOTES)
    frame.columns = [str(name).strip() for name in frame.columns]
    refuse_repeated(frame.columns, path)
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O":
            frame.isetitem(place, one_type(frame.iloc[:, place]))
        elif isinstance(dtype, pd.CategoricalDtype) and dtype.categories.dtype.kind == "O":
            frame.isetitem(place, frame.iloc[:, place].cat.rename_categories(_texts).array)
    frame = frame.reset_index(drop=True)
    frame.attrs = {NOTES: notes} if notes else {}
    return frame


def one_type(column: pd.Series) -> Any:
    """A column of objects as one type, where it holds plain values of several."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "decimal":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind in ("date", "datetime"):
        with contextlib.suppress(ValueError, OverflowError):  # beyond what a timestamp holds
            return pd.to_datetime(column)
    if kind.startswith("mixed") and column.map(_is_plain).all():
        return column.map(_text, na_action="ignore")
    return column


def refuse_repeated(names: Iterable[object], path: str | Path) -> None:
    """Raise :class:`UsageError` where several columns have one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(f"{path} has several columns called {listing(twice)}; rename them.")


def noted(frame: pd.DataFrame, *sentences: str) -> pd.DataFrame:
    """The same table, whose reader assumed something more."""
    frame.attrs = {NOTES: [*frame.attrs.get(NOTES, ()), *sentences]}
    return frame


def _is_plain(value: Any) -> bool:
    plain = str | int | float | bool | np.generic | datetime.date | datetime.time | None
    return isinstance(value, plain) or value is pd.NaT or value is pd.NA


def _text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return str(value).removesuffix(" 00:00:00")
    return label_of(value)


def _texts(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)
