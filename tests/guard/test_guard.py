"""The guard as a whole, on toys."""

from __future__ import annotations

import copy
import timeit

import numpy as np
import pandas as pd
import pytest
import torch
from guard_toys import Blind, Broken, Distance, blobs, classifier, network
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC
from torch import nn

import gengap as gg
from gengap.base.errors import SuspiciousInput, UsageError
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of

X, Y = blobs(240)
FAR = np.full((5, 3), 40.0)


@pytest.fixture(scope="module")
def guard() -> gg.Guard:
    return gg.Guard.fit(classifier(), X, Y, detector="knn-standardised")


def test_strangers_are_rejected_with_a_reason(guard):
    decision = guard(np.concatenate([X[:3], FAR]))
    assert len(decision) == 8
    assert not decision.accept[3:].any()
    assert decision.reason[3].startswith("value 2 is 40, outside -")
    assert "; stranger than 98.8% of normal examples (p = 0.0125, limit" in decision.reason[3]
    assert decision.column[3:].tolist() == ["2"] * 5
    assert (decision.reason == "").tolist() == decision.accept.tolist()
    assert decision.score[3:].min() > guard.threshold
    np.testing.assert_allclose(decision.p_value[3:], 1 / 80)
    assert repr(guard) == "Guard(knn-standardised, 0.05 false alarms, 79 calibration examples)"


def test_predictions_are_the_models():
    names = np.array(["ant", "bee", "cow", "doe"])
    for model in (classifier(), LogisticRegression().fit(X, names[Y])):
        labels = model.classes_[Y] if model.classes_.dtype.kind == "U" else Y
        decision = gg.Guard.fit(model, X, labels, detector=Distance())(X)
        assert (decision.prediction == model.predict(X)).all()
    target = X.sum(1)
    regressor = LinearRegression().fit(X, target)
    decision = gg.Guard.fit(regressor, X, target, detector=Distance())(X)
    assert decision.prediction.dtype == np.float64
    np.testing.assert_array_equal(decision.prediction, regressor.predict(X))


def test_bad_rows_are_rejected_and_the_rest_answered(guard):
    good = guard(X[:2])
    mixed = guard([X[0], [1.0], [1, 2, np.nan], X[1]])
    assert mixed.reason[1] == "has 1 values where the model takes 3"
    assert mixed.reason[2] == "value 2 is missing (NaN)"
    assert np.isnan(mixed.score[1:3]).all()
    assert np.isnan(mixed.p_value[1:3]).all()
    assert mixed.prediction[[1, 2]].tolist() == [None, None]
    assert mixed.prediction[[0, 3]].tolist() == good.prediction.tolist()
    np.testing.assert_array_equal(mixed.score[[0, 3]], good.score)
    wide = guard(np.zeros((2, 9)))
    assert not wide.accept.any()
    assert len(guard(X[:0])) == 0


def test_rows_that_the_model_refuses_do_not_stop_the_others():
    table = pd.DataFrame({"kind": np.array(["a", "b"])[Y % 2], "x": X[:, 0]})
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(table, Y)
    guard = gg.Guard.fit(model, table, Y, detector=Distance())
    new = table.head(9).copy()
    new.loc[4, "kind"] = "unheard of"
    decision = guard(new)
    assert "The model cannot read the examples" in decision.reason[4]
    np.testing.assert_array_equal(decision.score[5:], guard(table.iloc[5:9]).score)
    assert decision.prediction[4] is None


def test_outputs_that_are_not_finite():
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.top = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.top(x.sqrt())

    guard = gg.Guard.fit(Root(), np.abs(X), Y, detector=Distance())
    decision = guard(np.array([[1.0, 1, 1], [-1, 1, 1]]))
    assert decision.reason.tolist()[1] == "the model's output is not finite or too large"
    with pytest.raises(UsageError, match="output for row 0 of X is not finite"):
        gg.Guard.fit(Root(), -np.abs(X), Y)


def test_values_that_are_cut_on_their_way(guard):
    decision = guard(np.array([X[0], [1e300, 0, 0]]))
    assert decision.reason[1] == "value 0 is 1e+300, far outside what the guard has seen"
    powers = make_pipeline(FunctionTransformer(np.exp), GaussianNB()).fit(X, Y)
    decision = gg.Guard.fit(powers, X, Y, detector="knn")(np.array([X[0], [90.0, 90, 90]]))
    assert decision.reason[1] == "the model's output is not finite or too large"


def test_judging_knows_no_answers_that_outputs_do_not_determine():
    voting = SVC(decision_function_shape="ovo").fit(*blobs(300, seed=99))
    guard = gg.Guard.fit(voting, X, Y, detector="density")
    np.testing.assert_array_equal(guard(X).prediction, voting.predict(X))
    judged = guard.judge(outputs_of(voting, X))
    np.testing.assert_array_equal(judged.score, guard(X).score)
    assert set(judged.prediction) == {None}


def test_missing_values_that_the_model_knows():
    holes = X.copy()
    holes[::7, 1] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5).fit(holes, Y)
    decision = gg.Guard.fit(model, holes, Y, detector=Distance())(holes)
    assert np.isfinite(decision.score).all()
    assert decision.accept.mean() > 0.85


def test_the_default_chooses_and_says_so():
    guard = gg.Guard.fit(classifier(), X, Y, environment=np.arange(240) % 4)
    assert str(guard.choice).startswith("knn-standardised was taken among 11, because none was")
    assert "environments held out of its fit" in str(guard.choice)
    assert guard.choice.looks == 11
    names = ["msp", "energy"]
    guard = gg.Guard.fit(network(), X, Y, detectors=names, strangers=FAR)
    assert {c.name for c in guard.choice.table} == set(names)
    assert "the given strangers" in str(guard.choice)


def test_the_default_when_there_is_nothing_to_validate_on():
    target = X.sum(1)
    guard = gg.Guard.fit(LinearRegression().fit(X, target), X, target)
    assert guard.choice.name == "knn-standardised"
    assert "nothing to validate on" in str(guard.choice)


def test_the_same_seed_gives_the_same_guard_and_blocks_change_nothing(guard, monkeypatch):
    again = gg.Guard.fit(classifier(), X, Y, detector="knn-standardised")
    whole = again(X)
    np.testing.assert_array_equal(whole.score, guard(X).score)
    monkeypatch.setattr("gengap.guard.guard.BLOCK", 7)
    np.testing.assert_allclose(again(X).score, whole.score, rtol=1e-6)
    other = gg.Guard.fit(classifier(), X, Y, detector="knn-standardised", seed=1)
    assert not np.array_equal(other(X).score, whole.score)


def test_a_network_is_left_as_it_was_and_can_be_judged_by_its_outputs():
    model = network()
    before = copy.deepcopy(model.state_dict())
    guard = gg.Guard.fit(model, X, Y, detector="mahalanobis")
    decision = guard(X)
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    judged = guard.judge(outputs_of(model, X))
    np.testing.assert_array_equal(judged.score, decision.score)
    np.testing.assert_array_equal(judged.prediction, decision.prediction)
    with pytest.raises(UsageError, match="have 3 features where the guard was fitted on 8"):
        guard.judge(Outputs(features=torch.ones(2, 3)))


@pytest.mark.parametrize("per_environment", [False, True])
def test_false_alarms_of_whole_guards(per_environment):
    """Over 100 draws of the guard's examples; also in the environment that spreads most."""
    model, rng = classifier(), np.random.default_rng(5)
    rates = []
    for seed in range(100):
        x, y = blobs(200, seed)
        where = rng.integers(0, 2, 200)
        x[where == 1] *= 2
        guard = gg.Guard.fit(
            model, x, y, environment=where, per_environment=per_environment, false_alarms=0.1,
            detector=Distance(step=0.2), seed=seed,
        )  # fmt: skip
        new, _ = blobs(100, 1000 + seed)
        half = rng.integers(0, 2, 100)
        new[half == 1] *= 2
        rejected = ~guard(new).accept
        rates.append([rejected.mean(), rejected[half == 1].mean()])
    mean, error = np.mean(rates, 0), np.std(rates, 0, ddof=1) / np.sqrt(100)
    assert mean[0] <= 0.1 + 3 * error[0]
    if per_environment:
        assert mean[1] <= 0.1 + 3 * error[1]
    else:
        assert mean[1] > 0.13


def test_a_model_that_answers_everything_right_is_suspected():
    forest = RandomForestClassifier(20, bootstrap=False, random_state=0).fit(X, Y)
    with pytest.warns(SuspiciousInput, match="answers all 240 examples right; if it was trained"):
        gg.Guard.fit(forest, X, Y, detector="msp")


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["msp", "mahalanobis", "knn"])
def test_one_example_costs_less_than_a_millisecond_beyond_the_model(detector):
    model, x = network(), X[:1]
    guard = gg.Guard.fit(model, X, Y, detector=detector)
    rows = torch.from_numpy(x).float()

    def quickest(call) -> float:
        return min(timeit.repeat(call, number=1, repeat=300))

    assert quickest(lambda: guard(x)) - quickest(lambda: model(rows)) < 1e-3


def fit(**changes):
    given = {"model": classifier(), "X": X, "y": Y, "detector": Distance(), **changes}
    return gg.Guard.fit(given.pop("model"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"false_alarms": 0}, "false_alarms must lie between 0 and 1, not 0"),
        ({"y": Y[:-1]}, "X has 240 rows but y has 239"),
        ({"y": np.where(Y == 0, np.nan, Y)}, r"The label of row \d+ is missing"),
        ({"environment": [1]}, "X has 240 rows but environment has 1"),
        ({"environment": ["a", None] * 120}, "The environment of row 1 is missing"),
        ({"environment": np.zeros((240, 2))}, "environment must have one dimension"),
        ({"environment": 3}, "environment must have one dimension"),
        ({"y": None}, "Give y, the labels or values of the rows of X"),
        ({"y": np.zeros((240, 2, 2))}, "y must have one dimension, or a column for each label"),
        ({"y": np.zeros((240, 2))}, "y has 2 columns but the model answers with 1"),
        ({"false_alarms": "0.05"}, "false_alarms must lie between 0 and 1, not '0.05'"),
        ({"detector": 3}, "detector must be a name or a Detector, not 3"),
        ({"detector": None, "detectors": "knn"}, "detectors must list at least one name"),
        ({"detector": None, "detectors": []}, "detectors must list at least one name"),
        ({"detectors": ["knn"]}, "Give detector, to use it, or detectors"),
        ({"seed": 0.5}, "seed must be a whole number, not 0.5"),
        ({"X": None}, "X is a NoneType, not rows of examples"),
        ({"per_environment": True}, "per_environment needs environment"),
        ({"model": LogisticRegression()}, "LogisticRegression is not fitted"),
        ({"y": np.zeros(240, int)}, "All examples are of class 0"),
        ({"X": X[:20], "y": Y[:20]}, "20 examples are too few for a false-alarm rate of 0.05"),
        ({"false_alarms": 0.001}, "calibration alone takes 999"),
        ({"detector": "energi"}, "There is no detector 'energi'; did you mean 'energy'"),
        ({"detector": Broken()}, "score of a calibration example is not a number"),
        ({"strangers": np.ones((2, 9))}, "None of the strangers can be read: the first has 9"),
        ({"model": network(), "y": Y + 1}, "for classes 0 to 3, but y reaches from 1 to 4"),
        ({"model": network(), "y": Y + 0.5}, "give whole numbers of these classes"),
        ({"model": network(), "y": np.eye(3)[Y % 3]}, "y has 3 columns but the model answers"),
        ({"model": network(), "y": Y.astype(str)}, "A network's labels must be numbers"),
        ({"model": None}, "Without a model y says nothing to the guard"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(changes, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        fit(**changes)
    assert "\n" not in str(caught.value)


def test_a_detector_that_does_not_apply():
    target = X.sum(1)
    regressor = LinearRegression().fit(X, target)
    with pytest.raises(UsageError, match="msp applies to classification only; choose another"):
        gg.Guard.fit(regressor, X, target, detector="msp")
    with pytest.raises(UsageError, match="No detector fits the model: msp applies to"):
        gg.Guard.fit(regressor, X, target, detectors=["msp"])


def test_a_blind_detector_rejects_only_what_is_beyond_all_that_was_seen():
    guard = fit(detector=Blind())
    assert not guard(FAR).accept.any()
    assert guard.judge(outputs_of(classifier(), FAR)).accept.all()  # every score ties
    assert guard(X).accept.mean() > 0.95
