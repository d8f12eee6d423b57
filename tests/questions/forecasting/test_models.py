"""Kept models against the fleet's own records and scikit-learn by hand; new examples joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.preparation import encode
from gengap.methods.erm import ERM
from gengap.models.networks import MLP, architecture
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.questions.forecasting.models import train_estimators, train_networks
from gengap.questions.forecasting.new_examples import joined
from gengap.training.train import train_fleet


def problem(regression: bool = False) -> Environments:
    rng = np.random.default_rng(0)
    where = np.repeat(np.arange(4), 40)
    X = rng.standard_normal((160, 3)) + 0.5 * where[:, None]
    signal = X @ [1.0, -1.0, 0.5] + 0.5 * rng.standard_normal(160)
    return Environments.from_arrays(X, 10 + 5 * signal if regression else (signal > 0) * 1, where)


@pytest.fixture
def examples() -> Examples:
    environments = problem()
    return Examples(environments, encode(environments.X), environments.X)


def networks(examples: Examples, left_out: list[int], model: str = "mlp(8)", seed: int = 0):
    made = architecture(model)
    return dict(train_networks(made, examples, left_out, seed, 20, lambda _: None))


@pytest.mark.parametrize("regression", [False, True])
def test_kept_networks_predict_what_the_fleet_recorded(regression):
    environments = problem(regression)
    examples = Examples(environments, encode(environments.X), environments.X)
    rows = np.flatnonzero(environments.environment == 2)
    task = examples.task(2, 1, "mlp(8)")
    task.score["test"] = rows
    (run,) = train_fleet(
        examples.tables, [task], [ERM()], MLP((8,)), steps=20, batch=32, slots=3, checkpoints=[20]
    )
    # In a fleet of five, one of which has seen everything.
    found = networks(examples, [0, 1, 2, 3, NOBODY], seed=1)[2].outputs(rows)
    np.testing.assert_allclose(found.predicted, run.outcomes[0].predicted, rtol=1e-5)
    if not regression:
        own = found.probability[np.arange(len(rows)), environments.y[rows]]
        np.testing.assert_allclose(own, run.outcomes[0].true_probability, atol=1e-3)


def test_features_and_last_layer_of_a_network_give_its_answers(examples):
    rows = np.arange(160)
    for model in ("mlp(8)", "mlp(8,4)", "linear"):
        network = networks(examples, [1], model)[1]
        outputs = network.outputs(rows)
        np.testing.assert_array_equal(network.answer(outputs.features), outputs.predicted)


def test_a_model_never_trains_on_the_environment_left_out_or_on_validation_rows(examples):
    environments = examples.environments
    task, validation = examples.task(3, 0), examples.validation(3, 0)
    assert not (environments.environment[task.train_rows] == 3).any()
    assert not (environments.environment[validation] == 3).any()
    together = np.sort(np.concatenate([task.train_rows, validation]))
    np.testing.assert_array_equal(together, np.flatnonzero(environments.environment != 3))
    assert len(validation) == 24
    assert len(examples.task(NOBODY, 0).train) == 4


def test_estimators_equal_scikit_learn_by_hand(examples):
    environments = examples.environments
    ((_, model),) = train_estimators(LogisticRegression(), examples, [1], 0)
    rows, test = examples.task(1, 0).train_rows, np.flatnonzero(environments.environment == 1)
    scaler = StandardScaler().fit(environments.X[rows])
    own = LogisticRegression().fit(scaler.transform(environments.X[rows]), environments.y[rows])
    expected = own.predict_proba(scaler.transform(environments.X[test]))
    np.testing.assert_allclose(model.outputs(test).probability, expected, atol=1e-4)


def test_pipelines_get_the_examples_as_they_are(examples):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    ((_, model),) = train_estimators(pipeline, examples, [0], 0)
    rows = examples.task(0, 0).train_rows
    np.testing.assert_allclose(
        model.estimator[0].mean_, examples.environments.X[rows].mean(0), rtol=1e-12
    )
    assert model.answer is None
    assert not hasattr(pipeline[0], "mean_")  # the user's own stays unfitted


def test_a_classifier_without_probabilities_has_none(examples):
    ((_, model),) = train_estimators(LinearSVC(), examples, [0], 0)
    assert model.outputs(np.arange(5)).probability is None


def test_probabilities_of_classes_never_trained_on_are_zero():
    environments = problem()
    y = np.where(environments.environment == 3, 2, environments.y)
    X = environments.X
    three = Environments.from_arrays(X, y, environments.environment, task="classification")
    ((_, model),) = train_estimators(LogisticRegression(), Examples(three, encode(X), X), [3], 0)
    assert (model.outputs(np.arange(160)).probability[:, 2] == 0).all()


def test_what_an_estimator_refuses_is_one_sentence(examples):
    with pytest.raises(UsageError, match=r"LogisticRegression cannot be fitted \("):
        list(train_estimators(LogisticRegression(C=-1.0), examples, [0], 0))


def table() -> pd.DataFrame:
    colour = pd.Categorical(["red", "blue", "red"])
    size = pd.Categorical(["s", "m", "l"], categories=["s", "m", "l"], ordered=True)
    return pd.DataFrame({"x": [1.0, np.nan, 3.0], "colour": colour, "size": size})


def test_new_rows_join_by_name_with_their_new_categories():
    new = pd.DataFrame(
        {"other": [0, 0], "colour": ["green", None], "size": ["m", "xl"], "x": ["4", "?"]}
    )
    found = joined(table(), new)
    assert list(found.columns) == ["x", "colour", "size"]
    np.testing.assert_array_equal(found["x"], [1, np.nan, 3, 4, np.nan])
    assert list(found["colour"].cat.categories) == ["blue", "red", "green"]
    assert found["colour"].isna().tolist() == [False] * 4 + [True]
    assert found["size"].cat.codes.tolist() == [0, 1, 2, 1, -1]  # "xl" has no rank
    assert len(table()) == 3


@pytest.mark.parametrize(
    ("X", "new", "words"),
    [
        (table(), pd.DataFrame({"x": [1.0]}), "no column 'colour', 'size'"),
        (table(), table().iloc[:0], "at least one row"),
        (table(), np.zeros((2, 3)), "must be a DataFrame"),
        (table(), table().assign(x=["1", "tall", "2"]), "'tall' in row 2"),
        (table(), table().assign(x=np.inf), "infinite"),
        (np.zeros((4, 2)), np.zeros((4, 3)), r"shape \(4, 3\)"),
        (np.zeros((4, 2)), np.zeros((0, 2)), "one or more"),
        (np.zeros((4, 2)), np.full((1, 2), np.inf), "finite"),
    ],
)
def test_unusable_new_examples_are_one_sentence(X, new, words):
    with pytest.raises(UsageError, match=words):
        joined(X, new)
