"""What an estimator gets of a table: the user's own wherever it can read it.

- ``raw``: the rows as the user gave them, for pipelines and what holds one (a search, a
  calibration, a transformed target), which bring their own preparation; and plain numbers for
  every estimator.
- ``table``: the same with text as categories, for boosters that read categories.
- ``encoded``: numbers as they are, missing ones too, and categories as 0/1 columns: for estimators
  whose tags allow missing numbers but that read no categories.
- ``prepared``: what networks get (:mod:`gengap.environments.preparation`), for all others.

Of free text the last three have the words (:mod:`gengap.environments.words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from gengap.base.errors import listing
from gengap.environments.core import TEXTS
from gengap.environments.preparation import uncountable
from gengap.environments.words import words_of

Kind = Literal["raw", "table", "encoded", "prepared"]

INNER = ("estimator", "base_estimator", "regressor", "classifier")
MOST_BINS = 255  # categories of a column that scikit-learn's histogram boosting reads


def input_of(estimator: Any, X: np.ndarray | pd.DataFrame, named: bool = False) -> Kind:
    """What an estimator gets of the examples ``X (n, ...)``.

    Args:
        estimator: not fitted, not changed.
        X: the user's examples.
        named: whether it was asked for by its name alone; it then gets prepared numbers unless it
            reads missing ones, as trees do, whom the scale of numbers does not concern.
    """
    if brings_preparation(estimator):
        return "raw"
    if X.ndim != 2:
        return "prepared"
    model = _innermost(estimator)
    if not _allows_missing(model) and (named or _has_missing(X)):
        return "prepared"
    columns, texts = _categories(X), words_of(X)
    if not columns and not texts:
        return "raw"
    if columns and _reads_categories(model, columns):
        return "table"
    return "encoded" if _allows_missing(model) else "prepared"


def brings_preparation(estimator: Any) -> bool:
    """Whether an estimator is a pipeline, or holds one."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    held = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(each, Pipeline | ColumnTransformer) for each in (estimator, *held))


def said_of_inputs(kinds: Mapping[str, Kind], X: np.ndarray | pd.DataFrame) -> list[str]:
    """Say what estimators get instead of the user's table, by the name of each; one for a kind."""
    found = []
    for kind in ("prepared", "encoded", "table"):
        names = [name for name, own in kinds.items() if own == kind]
        if not names or not (changed := _changes(kind, X)):
            continue
        found.append(
            f"{listing(names)} learn{'s' * (len(names) == 1)} from a changed table: "
            f"{', '.join(changed)}. A pipeline gets the table as it is."
        )
    return found


def said_of_categories(X: np.ndarray | pd.DataFrame) -> list[str]:
    """Say which categories have too many values for a column each, and what stands for them."""
    return [
        f"Column {name!r} has {count:,} categories, too many for a column each: networks and "
        "estimators that learn from a changed table see how often each is in their training part."
        for name, count in uncountable(X).items()
    ]


def _changes(kind: str, X: np.ndarray | pd.DataFrame) -> list[str]:
    if X.ndim != 2:
        return []
    columns, texts = _categories(X), words_of(X)
    words = ["free text is TF-IDF of its words"] * bool(texts)
    if kind == "table":
        other = bool(set(X.attrs.get(TEXTS, {})) - set(texts))  # type: ignore[union-attr]
        return ["text is read as categories"] * other + words
    found = ["categories are 0/1 columns"] * bool(columns) + words
    if kind == "prepared" and (found or _has_missing(X)):
        found = ["numbers are standardised", *found]
    if kind == "prepared" and _has_missing(X):
        found.append("missing numbers are filled with their mean and marked")
    return found


def _innermost(estimator: Any) -> Any:
    """The model within searches, calibrations and other estimators of one estimator."""
    for name in INNER:
        inner = getattr(estimator, name, None)
        if hasattr(inner, "fit") and not isinstance(inner, type):
            return _innermost(inner)
    return estimator


def _allows_missing(model: Any) -> bool:
    from sklearn.utils import get_tags

    try:
        return bool(get_tags(model).input_tags.allow_nan)
    except (AttributeError, TypeError):  # not every object with fit and predict has tags
        return False


def _reads_categories(model: Any, columns: list[pd.Series]) -> bool:
    """Whether a model reads categorical columns by their dtype, which no tag of today says."""
    if type(model).__module__.split(".")[0] == "lightgbm":
        return True
    parameters = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    if parameters.get("categorical_features") == "from_dtype":  # scikit-learn
        return all(column.nunique() <= MOST_BINS for column in columns)
    return parameters.get("enable_categorical") is True  # XGBoost


def _categories(X: np.ndarray | pd.DataFrame) -> list[pd.Series]:
    """The columns that are neither numbers nor free text."""
    if isinstance(X, np.ndarray):
        return []
    own = [c for c in X.columns if str(c) not in words_of(X)]
    return [X[c] for c in own if not pd.api.types.is_numeric_dtype(X[c].dtype)]


def _has_missing(X: np.ndarray | pd.DataFrame) -> bool:
    if isinstance(X, pd.DataFrame):
        return bool(X.isna().to_numpy().any())
    return X.dtype.kind == "f" and bool(np.isnan(X).any())
