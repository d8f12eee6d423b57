"""Metrics of others: scikit-learn's scorers by name, and functions of the user's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC

import gengap as gg
from gengap.base.errors import UsageError
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study.metric_names import metric_for, metric_named
from gengap.study.scorers import metric as metric_of
from study_builders import study, wards


@pytest.fixture
def binary():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 100), rng.random(100)
    odds = np.log(p / (1 - p)).astype(np.float16)[:, None]
    outcome = Outcome(0, "test", (p > 0.5).astype(int), np.where(y, p, 1 - p), odds)
    examples = ExampleSet(np.arange(100), np.repeat([0, 1], 50), y)
    return (
        outcome,
        examples,
        Problem("f", "p", "classification", ("a", "b"), ("x", "y"), 100, 0.0),
        p,
    )


SCORERS = {
    "matthews_corrcoef": lambda y, p: theirs.matthews_corrcoef(y, p > 0.5),
    "precision": lambda y, p: theirs.precision_score(y, p > 0.5),
    "roc_auc_ovo": theirs.roc_auc_score,
    "d2_brier_score": theirs.d2_brier_score,
}


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_are_scikit_learns_in_every_environment(binary, name):
    outcome, examples, problem, p = binary
    metric = metric_for(name, "classification", 2)
    values = metric.per_example(outcome, examples, problem)
    assert metric.scores == (name not in ("matthews_corrcoef", "precision"))
    for k in range(2):
        own = examples.environment == k
        expected = SCORERS[name](examples.target[own], p[own])
        assert values[own].mean() == pytest.approx(expected, abs=1e-3)


def test_functions_of_targets_and_answers(binary):
    outcome, examples, problem, p = binary

    def share_right(y_true, y_pred):
        return np.mean(y_true == y_pred)

    def mean_gap_error(y_true, y_pred):
        return abs(y_pred[y_true == 1].mean() - 1)

    right = metric_of(share_right)
    values = right.per_example(outcome, examples, problem)
    assert values[:50].mean() == pytest.approx(
        np.mean((p > 0.5) == examples.target, where=examples.environment == 0)
    )
    assert right.higher_is_better
    gap = metric_of(mean_gap_error, uses="predict_proba", limits=(0, 1))
    assert not gap.higher_is_better
    assert gap.limits == (0, 1)
    found = gap.per_example(outcome, examples, problem)[:50].mean()
    assert found == pytest.approx(1 - p[:50][examples.target[:50] == 1].mean(), abs=1e-3)
    assert metric_named("mean_gap_error") is gap


@pytest.mark.parametrize(
    ("wanted", "options", "words"),
    [
        (3, {}, "3 is no metric"),
        (len, {"uses": "nothing"}, "not 'nothing'"),
        (len, {"name": "accuracy"}, "is called accuracy already"),
    ],
)
def test_what_is_no_metric_is_refused(wanted, options, words):
    with pytest.raises(UsageError, match=words):
        metric_of(wanted, **options)


def test_a_study_of_a_function_and_of_a_scorer():
    def share_of_yes(y_true, y_pred):
        return y_pred.mean() - y_true.mean()

    scorer = theirs.make_scorer(share_of_yes)
    small = {"seeds": 1, "methods": [LogisticRegression()]}
    first = study(wards((30,) * 3, classes=2), metric=scorer, **small).run()
    assert first.plan.metric == "share_of_yes"
    second = study(wards((30,) * 3, classes=2), metric=share_of_yes, **small).run()
    np.testing.assert_allclose(first.gaps.unseen, second.gaps.unseen)
    np.testing.assert_allclose(first.gaps.cost_low, second.gaps.cost_low)


def test_estimators_that_do_not_give_what_a_metric_needs_are_left_out():
    made = study(wards(classes=2), [LogisticRegression(), RidgeClassifier()], metric="brier")
    result = made.run()
    assert list(result.methods.method) == ["LogisticRegression"]
    assert (
        "brier needs probabilities, which RidgeClassifier does not give"
        in (made.skipped["RidgeClassifier"])
    )
    # Decisions are enough to order examples.
    assert study(wards(classes=3), [SVC()], metric="auroc").run().methods.score_unseen[0] > 0.5


def test_a_metric_named_later_adds_the_scores_it_needs(tmp_path):
    path = tmp_path / "records.db"
    plain = study(wards(classes=2), ["erm", LogisticRegression()], store=path).run()
    accuracy, keys = plain.methods.score_unseen.tolist(), {r.run.key for r in plain.store.runs()}
    assert not plain.store.scored(keys)
    with pytest.raises(UsageError, match="name the metric when the study is run"):
        plain.paired_under("erm", metric_for("auroc", "classification"))
    again = study(wards(classes=2), ["erm", LogisticRegression()], store=path, metric="auroc").run()
    assert again.store.scored(keys) == keys == {r.run.key for r in again.store.runs()}
    same = [again.paired_under(m, metric_for("accuracy", "classification")) for m in again.scores]
    means = [
        np.mean(list(s.means(p).values())) for s, p in zip(again.scores.values(), same, strict=True)
    ]
    np.testing.assert_allclose(means, accuracy)


def test_environments_of_one_class_are_left_out_and_said():
    rng = np.random.default_rng(0)
    where = np.repeat(list("abcd"), 40)
    X = rng.normal(size=(160, 3))
    y = (X[:, 0] + 0.5 * rng.normal(size=160) > 0).astype(int)
    y[where == "d"] = 1
    data = gg.Environments.from_arrays(X, y, where)
    made = study(
        data, ["sklearn:LogisticRegression", "sklearn:GaussianNB"], metric="auroc", seeds=5
    )
    result = made.run()
    assert list(result.gaps.environment.unique()) == ["a", "b", "c"]
    (said,) = [w for w in result.summary["study"]["caveats"] if "auroc" in w]
    assert "d" in said
    assert np.isfinite(result.methods.cost_of_unseen).all()
