"""Estimators get the user's own table wherever they can read it, and what is changed is said."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import gengap as gg
from gengap.environments import preparation
from gengap.training.inputs import input_of, said_of_inputs

NUMBERS = pd.DataFrame({"u": [1.0, 2.0], "v": [1, 2]})
MISSING = pd.DataFrame({"u": [1.0, np.nan], "v": [1, 2]})
CATEGORIES = pd.DataFrame({"u": [1.0, np.nan], "v": pd.Categorical(["red", "green"])})
IMAGES = np.zeros((3, 1, 2, 2))
MANY = pd.DataFrame({"v": pd.Categorical([f"c{k}" for k in range(300)])})

PIPELINE = make_pipeline(StandardScaler(), LogisticRegression())


class Booster(ClassifierMixin, BaseEstimator):
    """As XGBoost's: numbers that may be missing, and categories where they are enabled."""

    seen: ClassVar[list[Any]] = []

    def __init__(self, enable_categorical=False):
        self.enable_categorical = enable_categorical

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y):
        Booster.seen.append(X)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Plain:
    """An estimator without scikit-learn's tags."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("estimator", "table", "kind"),
    [
        (LogisticRegression(), NUMBERS, "raw"),
        (LogisticRegression(), NUMBERS.to_numpy(), "raw"),
        (LogisticRegression(), MISSING, "prepared"),
        (LogisticRegression(), CATEGORIES, "prepared"),
        (LogisticRegression(), IMAGES, "prepared"),
        (Plain(), NUMBERS, "raw"),
        (Plain(), MISSING, "prepared"),
        (RandomForestClassifier(), MISSING, "raw"),
        (RandomForestClassifier(), MISSING.to_numpy(), "raw"),
        (RandomForestClassifier(), CATEGORIES, "encoded"),
        (HistGradientBoostingClassifier(), CATEGORIES, "table"),
        (HistGradientBoostingClassifier(categorical_features=None), CATEGORIES, "encoded"),
        (HistGradientBoostingClassifier(), MANY, "encoded"),
        (Booster(), CATEGORIES, "encoded"),
        (Booster(enable_categorical=True), CATEGORIES, "table"),
        (GridSearchCV(Booster(True), {}), CATEGORIES, "table"),
        (CalibratedClassifierCV(HistGradientBoostingClassifier()), CATEGORIES, "table"),
        (TransformedTargetRegressor(HistGradientBoostingRegressor()), CATEGORIES, "table"),
        (PIPELINE, CATEGORIES, "raw"),
        (PIPELINE, IMAGES, "raw"),
        (GridSearchCV(PIPELINE, {}), CATEGORIES, "raw"),
        (CalibratedClassifierCV(GridSearchCV(PIPELINE, {})), MISSING, "raw"),
        (TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge())), MISSING, "raw"),
    ],
)
def test_what_an_estimator_gets(estimator, table, kind):
    assert input_of(estimator, table) == kind


def test_estimators_asked_for_by_name_get_prepared_numbers_unless_they_read_missing_ones():
    assert input_of(LogisticRegression(), NUMBERS, named=True) == "prepared"
    assert input_of(RandomForestClassifier(), MISSING, named=True) == "raw"
    assert input_of(HistGradientBoostingClassifier(), CATEGORIES, named=True) == "table"


def test_what_is_changed_is_said():
    kinds = {"LogisticRegression": "prepared", "Booster": "encoded", "Pipeline": "raw"}
    assert said_of_inputs(kinds, CATEGORIES) == [
        "LogisticRegression learns from a changed table: numbers are standardised, categories are "
        "0/1 columns, missing numbers are filled with their mean and marked. A pipeline gets the "
        "table as it is.",
        "Booster learns from a changed table: categories are 0/1 columns. A pipeline gets the "
        "table as it is.",
    ]
    assert said_of_inputs(kinds, NUMBERS) == []
    assert said_of_inputs({"a": "prepared", "b": "prepared"}, MISSING)[0].startswith("a, b learn ")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.normal(50, 10, n)),
            "grade": pd.Categorical(rng.choice(["lo", "hi"], n), ["lo", "hi"], ordered=True),
            "colour": rng.choice(["red", "green", "blue"], n),
        }
    )
    return frame, (frame["colour"] == "red").to_numpy().astype(int), np.arange(n) % 3


def measured(estimator, X, y, where, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gg.SuspiciousInput)
        return gg.measure(estimator, X, y, environment=where, seeds=2, jobs=1, **options)


def trained_on(table, estimator):
    Booster.seen.clear()
    frame, y, where = table
    result = measured(estimator, frame, y, where)
    return Booster.seen[0], result


def test_boosters_get_missing_numbers_as_they_are_and_categories_as_columns(table):
    X, result = trained_on(table, Booster())
    frame = table[0]
    assert isinstance(X, np.ndarray)
    assert X.shape[1] == 5  # age, grade as a rank, three colours
    assert np.isnan(X[:, 0]).any()
    assert set(X[~np.isnan(X[:, 0]), 0]) <= set(frame["age"])
    assert set(X[:, 1]) == {0.0, 1.0}
    np.testing.assert_array_equal(X[:, 2:].sum(axis=1), 1)
    assert any(w.startswith("Booster learns from") for w in result.finding.study.warnings)


def test_boosters_of_categories_get_the_table_with_categories(table):
    X, result = trained_on(table, Booster(enable_categorical=True))
    assert isinstance(X["colour"].dtype, pd.CategoricalDtype)
    assert X["age"].isna().any()
    assert any("text is read as categories" in w for w in result.finding.study.warnings)


def by_columns():
    encoded = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="str")), remainder="drop"
    )
    return make_pipeline(encoded, LogisticRegression(C=100))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: GridSearchCV(model, {"logisticregression__C": [1, 100]}, cv=2),
        lambda model: CalibratedClassifierCV(model, cv=2),
    ],
)
def test_pipelines_and_what_holds_one_get_the_users_own_columns(table, wrap):
    # Only the text column tells the target, and the selector finds it by its type.
    model = wrap(by_columns())
    row = measured(model, *table).methods.iloc[0]
    assert row.score_unseen == row.score_reference == 1.0
    assert not hasattr(clone(model), "classes_")


def test_a_transformed_target_around_a_pipeline_gets_the_table(table):
    frame, y, where = table
    target = np.exp(y + np.random.default_rng(0).normal(0, 0.1, len(y)))
    encoded = make_column_transformer((OneHotEncoder(), ["colour"]))
    model = TransformedTargetRegressor(
        make_pipeline(encoded, Ridge()), func=np.log, inverse_func=np.exp
    )
    row = measured(model, frame, target, where).methods.iloc[0]
    assert row.score_unseen > 0.9


@pytest.mark.parametrize("as_list", [False, True])
def test_a_column_of_texts_reaches_a_pipeline_of_texts(as_list):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    words = np.array([["rain", "snow", "wind"], ["sun", "heat", "calm"]])
    texts = [" ".join(rng.choice(words[k], 4)) + f" day {i}" for i, k in enumerate(y)]
    X = texts if as_list else pd.Series(texts, index=range(100, 340))
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=100))
    row = measured(model, X, y, np.arange(240) % 3).methods.iloc[0]
    assert row.score_unseen == 1.0


class Sees(RegressorMixin, BaseEstimator):
    """A regressor without tags for missing numbers."""

    seen: ClassVar[list[Any]] = []

    def fit(self, X, y):
        Sees.seen.append(X)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_others_get_prepared_inputs_and_the_report_says_so(table):
    Sees.seen.clear()
    frame, _, where = table
    result = measured(Sees(), frame, np.random.default_rng(1).normal(size=300), where)
    X = Sees.seen[0]
    assert not np.isnan(X).any()
    assert X.shape[1] == 6  # age and its mark, grade, three colours
    assert any("are filled with their mean" in w for w in result.finding.study.warnings)


def test_categories_of_very_many_values_are_said_unless_nobody_is_concerned(monkeypatch):
    monkeypatch.setattr(preparation, "INDICATOR_BYTES", 0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "zip": [f"z{k % 40}" for k in range(300)]})
    y, where = rng.integers(0, 2, 300), np.arange(300) // 100
    said = "Column 'zip' has 40 categories, too many for a column each"
    result = measured(Booster(), frame, y, where)
    assert sum(w.startswith(said) for w in result.finding.study.warnings) == 1
    # One number, and the frequency of each category in the training part.
    assert Booster.seen[-1].shape[1] == 2
    native = measured(Booster(enable_categorical=True), frame, y, where)
    assert not any(w.startswith(said) for w in native.finding.study.warnings)
