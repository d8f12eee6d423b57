"""Estimators that misbehave in the worker that fits them; a module that workers can import."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression


class Deadly(ClassifierMixin, BaseEstimator):
    """Ends its process while ``left`` files are fewer than ``deaths``, then fits as usual."""

    def __init__(self, folder: str = "", deaths: int = 1) -> None:
        self.folder, self.deaths = folder, deaths

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        if len(list(Path(self.folder).iterdir())) < self.deaths:
            (Path(self.folder) / str(time.monotonic_ns())).touch()
            os._exit(9)
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.inner_.predict(X)


class Slow(LogisticRegression):
    """Takes its time, so that something can happen meanwhile."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        time.sleep(0.15)
        return super().fit(X, y)


class Refusing(ClassifierMixin, BaseEstimator):
    """Fits nothing."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        raise ArithmeticError("this data is not for me.\nReally.")

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X))
