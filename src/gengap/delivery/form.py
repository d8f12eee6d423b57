"""The form of examples, as JSON values and back: tables without any rows.

What is kept of a table are the names of its columns, the values of its categories, and a median of
each column of numbers: no row, but the values of categories and the words of free text come from
rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.delivery.schema import Description, SavedCode, SavedColumn, SavedForm
from gengap.environments.core import SERIES, TEXTS
from gengap.environments.dates import DAYS_FIRST
from gengap.environments.preparation import ColumnCode, encoded_by
from gengap.environments.texts import NUMBER_STYLES
from gengap.environments.words import WORDS
from gengap.training.tables import Tables

MOST_VALUES = 1 << 24  # of one example


def saved_form(form: Tables) -> tuple[SavedForm, tuple[SavedCode, ...]]:
    """What a model's file says of the examples.

    Raises:
        UsageError: a category's values are neither text nor numbers.
    """
    X = form.X
    table = isinstance(X, pd.DataFrame)
    columns: tuple[SavedColumn, ...] = ()
    first: dict[str, bool | None] = {}
    styles: dict[str, Any] = {}
    if isinstance(X, pd.DataFrame):
        first = {str(name): own for name, own in X.attrs.get(DAYS_FIRST, {}).items()}
        styles = {str(name): own for name, own in X.attrs.get(NUMBER_STYLES, {}).items()}
        columns = tuple(_column(X[name], X.attrs.get(TEXTS, {})) for name in X.columns)
    series = isinstance(X, pd.DataFrame) and bool(X.attrs.get(SERIES))
    shape = tuple(X.shape[1:])
    codes = tuple(SavedCode(**vars(code)) for code in form.encoded.codes)
    return SavedForm(
        table=table, series=series, shape=shape, columns=columns, days_first=first, numbers=styles
    ), codes


def form_of(said: Description) -> Tables:
    """The tables without rows that a file describes.

    Raises:
        ValueError: parts do not fit together.
    """
    form = said.form
    if form.table:
        X: Any = pd.DataFrame({column.name: _empty(column) for column in form.columns})
        texts = {column.name: column.text for column in form.columns if column.text}
        X.attrs = {TEXTS: texts, DAYS_FIRST: form.days_first, NUMBER_STYLES: form.numbers}
        X.attrs |= {SERIES: True} if form.series else {}
        if words := [code.name for code in said.codes if code.kind == "text"]:
            X.attrs[WORDS] = words
        if len(X.columns) != len(form.columns) or len(form.columns) != len(said.codes):
            raise ValueError
        if any(len(set(code.terms)) < len(code.terms) for code in said.codes):
            raise ValueError
    else:
        if np.prod(form.shape, dtype=np.float64) > MOST_VALUES or form.columns:
            raise ValueError
        X = np.empty((0, *form.shape))
        if len(said.codes) != (form.shape[0] if len(form.shape) == 1 else 0):
            raise ValueError
    if (said.task == "classification") != (len(said.classes) > 1):
        raise ValueError
    shape = (len(said.targets),) if said.targets else ()
    if shape == (1,) or (shape and said.classes and len(said.classes) != 2):
        raise ValueError
    made = Tables(
        X=X,
        y=np.empty((0, *shape), np.int64 if said.classes else np.float64),
        environment=np.empty(0, np.int64),
        names=said.run.train_environments,
        classes=said.classes,
        target_names=said.targets,
        name=said.name,
        kind=said.kind,
    )
    codes = tuple(ColumnCode(**code.model_dump()) for code in said.codes)
    made.__dict__["encoded"] = encoded_by(X, codes)
    return made


def saved_unit(unit: float | np.ndarray) -> float | tuple[float, ...]:
    """What standardises a target, as JSON holds it; of several a tuple."""
    return tuple(map(float, unit)) if isinstance(unit, np.ndarray) else float(unit)


def unit_of(said: Description, saved: float | tuple[float, ...]) -> float | np.ndarray:
    """What :func:`saved_unit` gave.

    Raises:
        ValueError: there is not one for each target.
    """
    count = len(said.targets) if said.targets and not said.classes else 0
    if (len(saved) if isinstance(saved, tuple) else 0) != count:
        raise ValueError
    return np.array(saved) if isinstance(saved, tuple) else saved


def as_table(form: Tables, X: Any) -> Any:
    """Examples as a table where the model was trained on one: texts, or an array of its columns."""
    if not isinstance(form.X, pd.DataFrame) or isinstance(X, pd.DataFrame):
        return X
    columns = [str(name) for name in form.X.columns]
    if isinstance(X, pd.Series) or len(columns) == 1:
        return pd.DataFrame({columns[0]: np.asarray(X).ravel()})
    values = np.asarray(X)
    if values.ndim == 2 and values.shape[1] == len(columns):
        return pd.DataFrame(values, columns=columns)
    return X


def class_values(classes: tuple[str, ...]) -> np.ndarray:
    """Class labels ``(C,)`` as numbers or truth values where all are written so, else as text."""
    if set(classes) == {"False", "True"}:
        return np.array([label == "True" for label in classes])
    for kind in (int, float):
        try:
            values = [kind(label) for label in classes]
        except ValueError:
            continue
        if [str(value) for value in values] == list(classes) and np.isfinite(values).all():
            return np.array(values)
    return np.array(classes, dtype=object)


def _column(column: pd.Series, texts: dict[Any, str]) -> SavedColumn:
    name = str(column.name)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return SavedColumn(name=name, categories=None, ordered=False, text="")
    values = column.cat.categories.tolist()
    if not all(isinstance(value, str | bool | int | float) for value in values):
        raise UsageError(
            f"Column {name!r} holds categories that are neither text nor numbers "
            f"({type(values[0]).__name__}), which no file can keep; make them text."
        )
    text: Any = texts.get(column.name, "")
    return SavedColumn(
        name=name,
        categories=tuple(values),
        ordered=bool(column.cat.ordered),
        text=text if text in ("", "str", "object", "string") else "str",
    )


def _empty(column: SavedColumn) -> Any:
    """A column without rows; categories repeat or are of several kinds only in a damaged file."""
    if column.categories is None:
        return np.empty(0)
    values = pd.Index(column.categories, dtype=None if column.categories else "str")
    return pd.Categorical([], values, ordered=column.ordered)
