"""A delivered model: a scikit-learn estimator with its guard, ready to answer.

model = gg.load("model/")
model.predict(table); model.predict_proba(table)     # as any fitted estimator
model.decide(table)                                  # with the guard: answers, or reasons
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from gengap.base.errors import UsageError
from gengap.delivery.answers import Answers, answers_of
from gengap.delivery.form import as_table, class_values
from gengap.delivery.onnx_file import write_onnx
from gengap.delivery.parts import Parts
from gengap.delivery.saving import save
from gengap.delivery.schema import Description
from gengap.guard import Guard


class Delivered(BaseEstimator):
    """A model to put to work; made by ``result.fit`` or :func:`gengap.load`.

    It is fitted and stays as it is: ``fit`` refuses, and a clone is the model itself, so that what
    scores a model on other rows can be used and what would train it again cannot.

    Attributes:
        parts: what it is made of.
        n_features_in_: columns of a table or an array.
        feature_names_in_: names of a table's columns; an array has none.
        classes_: of a classifier.
        card: its card as numbers (:class:`gengap.delivery.card.Card`), of one just fitted.
    """

    card: Any = None

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        form = parts.trained.problem
        self.n_features_in_ = int(form.X.shape[1])
        if isinstance(form.X, pd.DataFrame):
            self.feature_names_in_ = np.array([str(c) for c in form.X.columns], dtype=object)
        if form.classes:
            self.classes_ = class_values(form.classes)

    def predict(self, X: Any) -> np.ndarray:
        """Classes or values ``(n,)`` of examples ``(n, ...)``, whatever the guard would say.

        Args:
            X: a table with the columns of training, found by name, or an array.

        Raises:
            UsageError: a column is missing or holds what the model cannot read.
        """
        said, _ = self._asked(X)
        return self.classes_[said] if self.parts.said.classes else said

    def _gives_probabilities(self) -> bool:
        trained = self.parts.trained
        return bool(trained.run.model) or hasattr(trained.model, "predict_proba")

    def decide(self, X: Any) -> Answers:
        """Answers row by row, with the rows that the guard refuses and why.

        Rows with text for numbers are refused rather than the whole table.

        Raises:
            UsageError: a column is missing, or there are no rows.
        """
        return answers_of(self.parts, X)

    @property
    def guard(self) -> Guard | None:
        """Which inputs it should not answer; None where it has no guard."""
        return self.parts.guard

    @property
    def description(self) -> Description:
        """What it is and where it came from."""
        return self.parts.said

    def save(self, folder: str | Path, *, key: bytes | None = None) -> dict[str, Path]:
        """Write the model, its guard and its card into a folder; returns paths by name.

        Args:
            folder: made if there is none.
            key: at least 16 bytes to sign the files with, for those who load them with it.

        Raises:
            UsageError: the model is of a kind that no file may hold, or the folder cannot be
                written.
        """
        return save(self.parts, Path(folder), key)

    def export_onnx(self, path: str | Path) -> Path:
        """Write a network as ONNX, with its standardisation; see :mod:`gengap.delivery.onnx_file`.

        Raises:
            UsageError: ONNX cannot hold this model exactly, or the packages are missing.
        """
        return write_onnx(self.parts, Path(path))

    def fit(self, X: Any, y: Any = None) -> NoReturn:
        """Refuse: it is fitted.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "This model is fitted and stays as it is; train another with gengap fit, or wrap it in "
            "sklearn.frozen.FrozenEstimator where something insists on fitting."
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Hyperparameters of the method that trained it."""
        return dict(self.parts.said.run.hyperparameters)

    def set_params(self, **values: Any) -> NoReturn:
        """Refuse: it is fitted.

        Raises:
            UsageError: always.
        """
        self.fit(None)

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        said = self.parts.said
        what = said.run.model or "scikit-learn"
        return f"{type(self).__name__}({said.run.method}, {what}, trained on {said.name!r})"

    def _asked(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            return self.parts.trained.answers(as_table(self.parts.trained.problem, X))
        except UsageError as error:
            said = str(error)
            if said.startswith("the model does not take"):
                raise UsageError(f"{said[0].upper()}{said[1:]}; repair these rows.") from None
            raise


class DeliveredClassifier(ClassifierMixin, Delivered):
    """A delivered model that predicts classes."""

    classes_: np.ndarray

    @available_if(Delivered._gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(n, C)`` of ``classes_``; absent where the model gives none.

        Raises:
            UsageError: as of :meth:`predict`.
        """
        _, found = self._asked(X)
        assert found is not None
        return found


class DeliveredRegressor(RegressorMixin, Delivered):
    """A delivered model that predicts values."""


def delivered(parts: Parts) -> Delivered:
    """The estimator of a model's parts."""
    kind = DeliveredClassifier if parts.said.classes else DeliveredRegressor
    return kind(parts)
