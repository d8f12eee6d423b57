"""Metrics per example, against scikit-learn and by hand; the names they go by."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

import gengap as gg
from gengap.base.errors import UsageError
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study import keys
from gengap.study.keys import StudyFile
from gengap.study.metric_names import ALIASES, metric_for, metric_named
from gengap.study.metrics import METRICS

ENVIRONMENTS = 3


@pytest.fixture
def predicted():
    """Three environments with unequal class frequencies; the last has one class only."""
    rng = np.random.default_rng(0)
    environment = np.repeat(np.arange(ENVIRONMENTS), (50, 70, 20))
    target = np.where(environment == 2, 1, rng.choice(3, 140, p=[0.7, 0.2, 0.1]))
    probability = rng.dirichlet([1, 1, 1], 140)
    true = probability[np.arange(140), target].astype(np.float16)
    logs = np.log(probability).astype(np.float16)
    outcome = Outcome(1, "test", probability.argmax(1), true, logs)
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
        expected = theirs.balanced_accuracy_score(examples.target[own], outcome.predicted[own])
        assert values[own].mean() == pytest.approx(expected, abs=1e-12)
    # Where there is one class, its recall is all there is.
    only = examples.environment == 2
    assert values[only].mean() == pytest.approx(np.mean(outcome.predicted[only] == 1))


def test_log_loss_is_scikit_learns_up_to_half_precision(predicted):
    outcome, examples, problem, probability = predicted
    values = METRICS["log_loss"].per_example(outcome, examples, problem)
    for k in range(ENVIRONMENTS):
        own = examples.environment == k
        expected = theirs.log_loss(examples.target[own], probability[own], labels=[0, 1, 2])
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


# By the name of each: what scikit-learn, or a formula, makes of targets, answers, probabilities.
def _calibration(y, answer, p, bins=15):
    confidence, total = p[np.arange(len(p)), answer], 0.0
    for low in np.arange(bins) / bins:
        own = (confidence > low) & (confidence <= low + 1 / bins)
        total += abs(np.sum(confidence[own] - (answer == y)[own]))
    return total / len(y)


EXPECTED = {
    "auroc": lambda y, answer, p: theirs.roc_auc_score(y, p, multi_class="ovr"),
    "average_precision": lambda y, answer, p: theirs.average_precision_score(y, p),
    "f1": lambda y, answer, p: theirs.f1_score(y, answer, average="macro"),
    "f1_macro": lambda y, answer, p: theirs.f1_score(y, answer, average="macro"),
    "brier": lambda y, answer, p: ((p - np.eye(3)[y]) ** 2).sum(1).mean(),
    "calibration_error": _calibration,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_metrics_of_three_classes_are_those_of_each_environment(predicted, name):
    outcome, examples, problem, probability = predicted
    values = METRICS[name].per_example(outcome, examples, problem)
    for k in range(2):
        own = examples.environment == k
        expected = EXPECTED[name](examples.target[own], outcome.predicted[own], probability[own])
        assert values[own].mean() == pytest.approx(expected, abs=2e-3)  # half precision
    # Of one class there is no area under a curve; the others are still defined.
    assert np.isnan(values[examples.environment == 2]).all() == (name == "auroc")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auroc", theirs.roc_auc_score),
        ("average_precision", theirs.average_precision_score),
        ("brier", theirs.brier_score_loss),
    ],
)
def test_metrics_of_two_classes_are_scikit_learns(name, expected):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 90), rng.random(90)
    odds = np.log(p / (1 - p)).astype(np.float16)[:, None]
    outcome = Outcome(0, "test", (p > 0.5).astype(int), np.where(y, p, 1 - p), odds)
    examples = ExampleSet(np.arange(90), np.zeros(90, int), y)
    problem = Problem("f", "p", "classification", ("a",), ("x", "y"), 90, 0.0)
    values = METRICS[name].per_example(outcome, examples, problem)
    assert values.mean() == pytest.approx(expected(y, p), abs=1e-3)
    f1 = METRICS["f1"].per_example(outcome, examples, problem)
    assert f1.mean() == pytest.approx(theirs.f1_score(y, p > 0.5))
    none = ExampleSet(np.arange(90), np.zeros(90, int), np.zeros(90, int))
    assert np.isnan(METRICS["f1"].per_example(outcome, none, problem)).all()


def test_metrics_of_values_are_scikit_learns_in_every_environment():
    rng = np.random.default_rng(1)
    y, environment = rng.normal(size=60), np.repeat([0, 1], 30)
    outcome = Outcome(0, "test", (y + rng.normal(size=60)).astype(np.float32))
    examples = ExampleSet(np.arange(60), environment, y)
    problem = Problem("f", "p", "regression", ("a", "b"), (), 60, 1.0)
    expected = {
        "rmse": theirs.root_mean_squared_error,
        "quantile:0.9": lambda y, answer: theirs.mean_pinball_loss(y, answer, alpha=0.9),
    }
    for name, function in expected.items():
        values = metric_named(name).per_example(outcome, examples, problem)
        for k in range(2):
            own = environment == k
            found = function(y[own], outcome.predicted[own])
            assert values[own].mean() == pytest.approx(found, rel=1e-6)


def test_metrics_of_ranks_and_of_times():
    y, answer = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 2, 2, 1, 1, 1])
    examples = ExampleSet(np.arange(6), np.zeros(6, int), y)
    problem = Problem("f", "p", "ordinal", ("a",), ("low", "middle", "high"), 6, 0.0)
    outcome = Outcome(0, "test", answer)
    error = METRICS["rank_error"].per_example(outcome, examples, problem)
    assert error.tolist() == [0, 1, 0, 1, 0, 1]
    kappa = METRICS["quadratic_kappa"].per_example(outcome, examples, problem)
    expected = theirs.cohen_kappa_score(y, answer, weights="quadratic")
    assert kappa.mean() == pytest.approx(expected)
    # Died at 1 and 3, lost from sight at 2 and 4: three pairs can be compared.
    times = ExampleSet(np.arange(4), np.zeros(4, int), np.array([1.0, -2.0, 3.0, -4.0]))
    problem = Problem("f", "p", "survival", ("a",), (), 4, 0.0)
    risk = Outcome(0, "test", np.array([4.0, 1.0, 0.0, 2.0], np.float32))
    values = METRICS["concordance"].per_example(risk, times, problem)
    assert values.mean() == pytest.approx(3 / 4)


def test_predictions_that_are_no_numbers_are_the_worst():
    examples = ExampleSet(np.arange(4), np.array([0, 0, 1, 1]), np.array([0.0, 1.0, 0.0, 1.0]))
    problem = Problem("f", "p", "regression", ("a", "b"), (), 4, 1.0)
    outcome = Outcome(0, "test", np.array([np.nan, 0, 0, 1], np.float32))
    found = METRICS["rmse"].per_example(outcome, examples, problem)
    assert found.tolist() == [np.inf, np.inf, 0, 0]


def test_records_without_scores_of_classes_say_what_to_do(predicted):
    outcome, examples, problem, _ = predicted
    bare = Outcome(1, "test", outcome.predicted, outcome.true_probability)
    with pytest.raises(UsageError, match="name the metric when the study is run"):
        METRICS["auroc"].per_example(bare, examples, problem)
    decided = Outcome(1, "test", outcome.predicted, scores=outcome.scores)
    with pytest.raises(UsageError, match="gives probabilities"):
        METRICS["brier"].per_example(decided, examples, problem)


def test_defaults():
    first = {task: metric_for(None, task).name for task in keys.METRICS}
    assert first == {
        "classification": "accuracy", "regression": "r2", "ordinal": "rank_error",
        "survival": "concordance", "score": "exact_match",
    }  # fmt: skip
    assert {m.name for m in METRICS.values() if not m.higher_is_better} == {
        "log_loss", "brier", "calibration_error", "squared_error", "absolute_error", "rmse",
        "quantile", "rank_error",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "task", "name"),
    [
        ("AUC", "classification", "auroc"),
        ("roc_auc", "classification", "auroc"),
        ("ECE", "classification", "calibration_error"),
        ("ece:10", "classification", "calibration_error:10"),
        ("MAE", "regression", "absolute_error"),
        ("neg_root_mean_squared_error", "regression", "rmse"),
        ("pinball:0.25", "regression", "quantile:0.25"),
        ("matthews_corrcoef", "classification", "matthews_corrcoef"),
        ("accuracy", "ordinal", "accuracy"),
    ],
)
def test_other_names(written, task, name):
    found = metric_for(written, task, 2 if task == "classification" else 3)
    assert found.name == metric_named(found.name).name == name


def test_every_metric_has_a_target_and_every_alias_a_metric():
    assert set(METRICS) == {name for own in keys.METRICS.values() for name in own}
    assert set(ALIASES.values()) <= set(METRICS)


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("acuracy", "classification", ["no metric 'acuracy'", "did you mean 'accuracy'?"]),
        ("r2", "classification", ["r2 is for regression", "accuracy, balanced_accuracy, log_loss"]),
        ("accuracy", "regression", ["is for classification", "r2, squared_error, absolute_error"]),
        ("neg_max_error", "classification", ["neg_max_error is for regression"]),
        ("jaccard", "regression", ["jaccard is for classification"]),
        ("precision", "classification", ["cannot score a target of 3 classes", "average='binary'"]),
        ("quantile:2", "regression", ["'2'", "a share between 0 and 1"]),
        ("ece:x", "classification", ["'x'", "a whole number of bins"]),
        ("accuracy:3", "classification", ["takes nothing after a colon"]),
    ],
)
def test_unfit_metrics_are_refused(name, task, words):
    with pytest.raises(UsageError) as caught:
        metric_for(name, task, 3)
    for word in words:
        assert word in str(caught.value)


def test_help_names_every_metric_of_tables():
    help_text = StudyFile.__dataclass_fields__["metric"].metadata["help"]
    for task, names in keys.METRICS.items():
        if task != "score":
            assert all(name in help_text for name in names)


@pytest.mark.parametrize("name", keys.METRICS["classification"])
def test_every_metric_of_classes_measures_a_study(name: str):
    rng = np.random.default_rng(0)
    X, where = rng.normal(size=(180, 2)), np.repeat([0, 1, 2], 60)
    y = (X[:, 0] + rng.normal(size=180) > 0).astype(int)
    model = "sklearn:LogisticRegression"
    found = gg.measure(model, X, y, environment=where, metric=name, seeds=1, jobs=1)
    (row,) = found.summary["methods"]
    assert np.isfinite([row["score_unseen"], row["cost_of_unseen"]]).all()
