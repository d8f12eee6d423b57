"""Metrics per example, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss

from gengap.base.errors import UsageError
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study.keys import StudyFile
from gengap.study.metrics import METRICS, metric_for

ENVIRONMENTS = 3


@pytest.fixture
def predicted():
    """Three environments with unequal class frequencies; the last has one class only."""
    rng = np.random.default_rng(0)
    environment = np.repeat(np.arange(ENVIRONMENTS), (50, 70, 20))
    target = np.where(environment == 2, 1, rng.choice(3, 140, p=[0.7, 0.2, 0.1]))
    probability = rng.dirichlet([1, 1, 1], 140)
    outcome = Outcome(
        1, "test", probability.argmax(1), probability[np.arange(140), target].astype(np.float16)
    )
    examples = ExampleSet(np.arange(140, dtype=np.int32), environment.astype(np.int16), target)
    problem = Problem("f", "p", "classification", ("a", "b", "c"), ("x", "y", "z"), 140, 0.0)
    return outcome, examples, problem, probability


def test_accuracy_by_hand():
    outcome = Outcome(1, "test", np.array([0, 1, 1, 0]))
    examples = ExampleSet(np.arange(4), np.zeros(4, int), np.array([0, 1, 0, 1]))
    problem = Problem("f", "p", "classification", ("a",), ("x", "y"), 4, 0.0)
    assert METRICS["accuracy"].per_example(outcome, examples, problem).tolist() == [1, 1, 0, 0]


def test_balanced_accuracy_is_scikit_learns_in_every_environment(predicted):
    outcome, examples, problem, _ = predicted
    values = METRICS["balanced_accuracy"].per_example(outcome, examples, problem)
    for k in range(2):
        own = examples.environment == k
        expected = balanced_accuracy_score(examples.target[own], outcome.predicted[own])
        assert values[own].mean() == pytest.approx(expected, abs=1e-12)
    # Where there is one class, its recall is all there is.
    only = examples.environment == 2
    assert values[only].mean() == pytest.approx(np.mean(outcome.predicted[only] == 1))


def test_log_loss_is_scikit_learns_up_to_half_precision(predicted):
    outcome, examples, problem, probability = predicted
    values = METRICS["log_loss"].per_example(outcome, examples, problem)
    for k in range(ENVIRONMENTS):
        own = examples.environment == k
        expected = log_loss(examples.target[own], probability[own], labels=[0, 1, 2])
        # float16 has 11 significant bits, so each logarithm is off by 2^-11 at most.
        assert values[own].mean() == pytest.approx(expected, abs=2**-11)


def test_log_loss_of_an_impossible_answer_is_finite(predicted):
    outcome, examples, problem, _ = predicted
    outcome.true_probability[:] = 0
    values = METRICS["log_loss"].per_example(outcome, examples, problem)
    np.testing.assert_allclose(values, 9.7, atol=0.05)  # -log of the smallest float16, 6.1e-5


def test_log_loss_without_probabilities_is_refused(predicted):
    _, examples, problem, _ = predicted
    with pytest.raises(UsageError, match="log_loss needs a classifier that gives probabilities"):
        METRICS["log_loss"].per_example(Outcome(1, "test", examples.target), examples, problem)


def test_regression_metrics_by_hand():
    outcome = Outcome(1, "test", np.array([1, 2, 5], np.float32))
    examples = ExampleSet(np.arange(3), np.array([0, 0, 1]), np.array([1.0, 4.0, 2.0]))
    problem = Problem("f", "p", "regression", ("a", "b"), (), 3, target_variance=8.0)
    expected = {
        "squared_error": [0, 4, 9],
        "absolute_error": [0, 2, 3],
        # One denominator for every environment: the variance of all the data.
        "r2": [1, 0.5, -0.125],
    }
    for name, values in expected.items():
        assert METRICS[name].per_example(outcome, examples, problem).tolist() == values


def test_defaults():
    assert metric_for(None, "classification").name == "accuracy"
    assert metric_for(None, "regression").name == "r2"
    assert {m.name for m in METRICS.values() if m.higher_is_better} == {
        "accuracy", "balanced_accuracy", "r2", "exact_match", "return",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("acuracy", "classification", ["no metric 'acuracy'", "did you mean 'accuracy'?"]),
        ("r2", "classification", ["r2 is for regression", "accuracy, balanced_accuracy, log_loss"]),
        ("accuracy", "regression", ["is for classification", "r2, squared_error, absolute_error"]),
    ],
)
def test_unfit_metrics_are_refused(name, task, words):
    with pytest.raises(UsageError) as caught:
        metric_for(name, task)
    for word in words:
        assert word in str(caught.value)


def test_help_names_every_metric_of_tables():
    help_text = StudyFile.__dataclass_fields__["metric"].metadata["help"]
    named = set(help_text.rstrip(".").replace(";", ",").split(", "))
    assert named == {m.name for m in METRICS.values() if m.task != "score"}
