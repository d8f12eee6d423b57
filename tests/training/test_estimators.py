"""scikit-learn estimators as runs: what they are given, how they are seeded, what is recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import data, tables, task, with_seed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gengap.base.errors import UsageError
from gengap.training.estimators import estimator_named, seeded, train_estimator


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps what every fit was given; clones share the list through the class."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y):
        Spy.seen.append((X, y))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def outcomes(estimator, job, shared, kind="prepared"):
    found = train_estimator(estimator, job, shared, kind)
    return {o.part: o for o in found.outcomes}


def test_predictions_are_those_of_fitting_it_oneself():
    shared = data()
    job = task(shared)
    found = outcomes(LogisticRegression(C=0.5), job, shared)
    rows = np.concatenate(job.train)
    scaler = StandardScaler().fit(shared.matrix[rows])
    model = LogisticRegression(C=0.5).fit(scaler.transform(shared.matrix[rows]), shared.y[rows])
    for part, scored in job.score.items():
        X = scaler.transform(shared.matrix[scored])
        np.testing.assert_array_equal(found[part].predicted, model.predict(X))
        true = model.predict_proba(X)[np.arange(len(scored)), shared.y[scored]]
        np.testing.assert_allclose(found[part].true_probability, true, atol=1e-3)


def test_regression_predictions_are_in_the_targets_units():
    shared = data(0)
    job = task(shared)
    found = outcomes(Ridge(), job, shared)["test"]
    X, y = job.prepared.inputs.apply(shared.matrix), shared.y
    model = Ridge().fit(X[job.train_rows], y[job.train_rows])
    np.testing.assert_allclose(found.predicted, model.predict(X[job.score["test"]]), rtol=1e-5)
    assert found.predicted.dtype == np.float32
    assert found.true_probability is None


def test_a_run_of_an_estimator_states_its_cost():
    shared = data()
    job = task(shared)
    found = train_estimator(LogisticRegression(), job, shared)
    assert [(o.step, o.part) for o in found.outcomes] == [(0, "validation"), (0, "test")]
    assert found.examples == len(job.train_rows)
    assert found.run is job.run
    assert found.seconds > 0


def test_open_random_states_are_seeded_by_the_run():
    shared = data()
    job = task(shared)
    forest = RandomForestClassifier(n_estimators=3, max_depth=2)
    first, again = (outcomes(forest, job, shared)["test"] for _ in range(2))
    other = outcomes(forest, with_seed(job, 1), shared)["test"]
    np.testing.assert_array_equal(first.true_probability, again.true_probability)
    assert not np.array_equal(first.true_probability, other.true_probability)
    assert forest.random_state is None


def test_seeding_reaches_into_pipelines_and_respects_what_was_set():
    pipeline = make_pipeline(StandardScaler(), SGDClassifier())
    assert isinstance(seeded(pipeline, 0).get_params()["sgdclassifier__random_state"], int)
    assert seeded(SGDClassifier(random_state=7), 0).random_state == 7
    states = {seeded(SGDClassifier(), seed).random_state for seed in range(5)}
    assert len(states) == 5
    assert all(0 <= state < 2**31 for state in states)


def test_the_given_estimator_is_not_fitted():
    shared = data()
    model = LogisticRegression()
    train_estimator(model, task(shared), shared)
    assert not hasattr(model, "coef_")
    pipeline = make_pipeline(StandardScaler(), model)
    train_estimator(pipeline, task(shared), shared, kind="raw")
    assert not hasattr(pipeline[0], "mean_")


def test_a_classifier_without_probabilities():
    shared = data()
    found = outcomes(RidgeClassifier(), task(shared), shared)["test"]
    assert found.true_probability is None
    assert found.predicted.dtype == np.int64
    assert np.mean(found.predicted == shared.y[-80:]) > 0.5


def test_a_class_never_seen_in_training_has_probability_0():
    shared = data()
    job = task(shared)
    kept = tuple(own[shared.y[own] != 1] for own in job.train)
    found = outcomes(LogisticRegression(), replace(job, train=kept), shared)["test"]
    target = shared.y[job.score["test"]]
    assert set(target) == {0, 1, 2}
    assert set(found.predicted) == {0, 2}
    np.testing.assert_array_equal(found.true_probability[target == 1], 0)
    assert np.all(found.true_probability[target != 1] > 0)


def test_probabilities_belong_to_the_true_class_whatever_the_order():
    """A class missing below shifts the estimator's columns against the class codes."""
    shared = data()
    job = task(shared)
    kept = tuple(own[shared.y[own] != 0] for own in job.train)
    job = replace(job, train=kept)
    found = outcomes(LogisticRegression(C=100), job, shared)["test"]
    target = shared.y[job.score["test"]]
    right = (found.predicted == target) & (target == 2)
    assert right.sum() > 5
    assert np.all(found.true_probability[right] >= 0.5)


def test_prepared_input_is_standardised_and_raw_input_is_the_users():
    shared = data()
    job = task(shared)
    Spy.seen.clear()
    raw = pd.DataFrame(shared.X, columns=list("uvwxyz"))
    shared = replace(shared, X=raw)
    train_estimator(Spy(), job, shared)
    train_estimator(Spy(), job, shared, kind="raw")
    (prepared, y), (given, same) = Spy.seen
    np.testing.assert_allclose(prepared.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(0), 1, atol=1e-5)
    pd.testing.assert_frame_equal(given, raw.iloc[job.train_rows])
    np.testing.assert_array_equal(y, shared.y[job.train_rows])
    np.testing.assert_array_equal(y, same)


def test_a_pipeline_on_a_table_with_text():
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue"], 400)
    table = pd.DataFrame({"size": rng.normal(size=400), "colour": colour})
    y = (colour == "red").astype(np.int64)
    shared = tables(table.astype({"colour": "category"}), y, 2)
    job = replace(task(data()), prepared=shared.prepare(np.arange(100)))
    pipeline = make_pipeline(
        ColumnTransformer([("colour", OneHotEncoder(), ["colour"])]), LogisticRegression()
    )
    found = outcomes(pipeline, job, shared, kind="raw")["test"]
    np.testing.assert_array_equal(found.predicted, y[job.score["test"]])


def test_images_are_flattened_for_bare_estimators():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(400, 1, 3, 3)).astype(np.float32)
    y = (images[:, 0, 1, 1] > 0).astype(np.int64)
    shared = tables(images, y, 2)
    job = replace(task(data()), prepared=shared.prepare(np.arange(240)))
    found = outcomes(LogisticRegression(C=100), job, shared)["test"]
    assert np.mean(found.predicted == y[job.score["test"]]) > 0.9


@pytest.mark.parametrize(
    ("name", "kind", "values", "words"),
    [
        ("Rigde", "regression", {}, ["no classifier or regressor 'Rigde'", "'Ridge'"]),
        ("SVC", "regression", {}, ["SVC is a classifier", "use sklearn:SVR"]),
        ("SVR", "classification", {}, ["SVR is a regressor", "use sklearn:SVC"]),
        ("Ridge", "regression", {"alfa": 1}, ["no parameter 'alfa'", "'alpha'"]),
    ],
)
def test_names_that_do_not_fit(name, kind, values, words):
    with pytest.raises(UsageError) as caught:
        estimator_named(name, kind, **values)
    assert all(word in str(caught.value) for word in words)
