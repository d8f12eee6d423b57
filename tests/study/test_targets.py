"""Ordered categories and survival times: read, refused, measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_censored
from xgboost import XGBRegressor

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.targets import ordinal, survival
from gengap.questions.detection import evaluate
from gengap.questions.diagnosis.explanation import explain
from gengap.questions.diagnosis.matrix import correctness
from gengap.questions.diagnosis.memorising import LABELS, TRUE, condition, memorising
from gengap.questions.forecasting.forecast import forecast
from gengap.study.study_file import build_study, load_environments, validated

SMALL = {"seeds": 1, "jobs": 1}


def table(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3 * rows, 2))
    risk = x[:, 0]
    time = rng.exponential(np.exp(-risk))
    seen = rng.exponential(2.0, 3 * rows)
    return pd.DataFrame(
        {
            "age": x[:, 0],
            "dose": x[:, 1],
            "ward": np.repeat(list("abc"), rows),
            "months": np.minimum(time, seen) + 0.01,
            "died": (time <= seen).astype(int),
            "pain": np.array(["none", "some", "much"])[
                np.digitize(risk + 0.4 * rng.normal(size=3 * rows), [-0.5, 0.5])
            ],
        }
    )


def file_of(path, **keys):
    return validated({"data": [str(path)], "environment": "ward", "drop": ["pain"], **keys})


def test_ordered_categories_keep_their_order():
    frame = table()
    columns = frame[["age", "dose"]], frame.pain
    made = ordinal(gg.Environments.from_arrays(*columns, frame.ward), ["none", "some", "much"])
    assert made.classes == ("none", "some", "much")
    assert made.y.tolist() == frame.pain.map({"none": 0, "some": 1, "much": 2}).tolist()
    given = gg.measure(
        LogisticRegression(), *columns, environment=frame.ward, task="ordinal",
        order=made.classes, **SMALL,
    )  # fmt: skip
    assert (given.plan.metric, given.plan.problem.task) == ("rank_error", "ordinal")
    levels = pd.Categorical(frame.pain, ["none", "some", "much"], ordered=True)
    alike = gg.measure(
        LogisticRegression(), columns[0], pd.Series(levels), environment=frame.ward,
        task="ordinal", metric="kappa", **SMALL,
    )  # fmt: skip
    assert alike.plan.problem.classes == made.classes
    assert alike.plan.metric == "quadratic_kappa"
    # The same runs, and by hand the same errors.
    p = given.paired["LogisticRegression"]
    assert set(p.unseen) <= {0.0, 1.0, 2.0}
    assert 0.1 < given.methods.score_unseen[0] < 0.5


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((), "cannot be told; give the order with --order"),
        (("none", "some"), "lacks much"),
        (("none", "some", "mush"), "'mush', which is no class"),
        (("none", "some", "much", "some"), "repeats one"),
    ],
)
def test_orders_that_are_none(order, words):
    frame = table()
    made = gg.Environments.from_arrays(frame[["age"]], frame.pain, frame.ward)
    with pytest.raises(UsageError, match=words):
        ordinal(made, order)


def test_survival_times_are_measured_by_concordance(tmp_path):
    frame = table()
    result = gg.measure(
        CoxPHSurvivalAnalysis(), frame.drop(columns="pain"), "months", environment="ward",
        event="died", **SMALL,
    )  # fmt: skip
    assert result.plan.metric == "concordance"
    plan, scores = result.plan, result.scores["CoxPHSurvivalAnalysis"]
    (kept, _) = scores.choices(result.rule)[0]["a", 0]
    outcome = result.store.outcomes([kept.key], "test")[kept.key, kept.step]
    examples = scores.examples(0, "test")
    own = examples.environment == 0
    y = examples.target[own]
    expected = concordance_index_censored(y > 0, np.abs(y), outcome.predicted[own])[0]
    assert result.gaps.unseen[0] == pytest.approx(expected, abs=1e-9)
    assert plan.problem.task == "survival"
    boosted = XGBRegressor(objective="survival:cox", n_estimators=10)
    other = gg.measure(
        {"boosted": boosted, "cox": CoxPHSurvivalAnalysis()}, frame[["age", "dose"]],
        frame.months, environment=frame.ward, event=frame.died, **SMALL,
    )  # fmt: skip
    assert (other.methods.score_unseen > 0.6).all()
    with pytest.raises(UsageError, match="cannot be saved so far"):
        result.fit("CoxPHSurvivalAnalysis", out=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="it predicts who lasts longer"):
        correctness(result)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Ridge(), "Ridge knows no times that end without the event"),
        ("sklearn:Ridge", "sklearn:Ridge knows no times"),
        ("erm", "erm applies to classification and regression only"),
        ("sksurv:CoxPH", "no survival estimator 'CoxPH'"),
        ("sksurv:CoxPHSurvivalAnalysis:alpa=1", "no parameter 'alpa'; did you mean 'alpha'"),
    ],
    ids=str,
)
def test_models_that_know_no_survival(model, words):
    frame = table()
    with pytest.raises(UsageError, match=words):
        gg.measure(
            model, frame[["age", "dose"]], frame.months, environment=frame.ward,
            event=frame.died, **SMALL,
        )  # fmt: skip


def test_events_that_do_not_tell():
    frame = table()
    made = gg.Environments.from_arrays(frame[["age"]], frame.months, frame.ward, task="regression")
    with pytest.raises(UsageError, match="says 'perhaps' of the event"):
        survival(made, ["perhaps"] * len(frame))
    with pytest.raises(UsageError, match="tells of no event"):
        survival(made, np.zeros(len(frame)))
    with pytest.raises(UsageError, match="has 3 entries but there are 180 rows"):
        survival(made, [1, 0, 1])
    with pytest.raises(UsageError, match="no column 'died' for the event"):
        survival(made, "died")
    with pytest.raises(UsageError, match="must be greater than 0"):
        survival(gg.Environments.from_arrays(frame[["age"]], frame.age, frame.ward), frame.died)
    with pytest.raises(UsageError, match=r"is for survival times; .*--event"):
        gg.measure(CoxPHSurvivalAnalysis(), frame[["age"]], frame.dose, environment=frame.ward)


def test_study_files_name_events_and_orders(tmp_path):
    path = tmp_path / "wards.csv"
    table().to_csv(path, index=False)
    made = load_environments(file_of(path, target="months", event="died"))
    assert made.scale == "survival"
    assert list(made.X.columns) == ["age", "dose"]
    study = build_study(file_of(path, target="months", event="died", seeds=1), made)
    assert study.plan.baseline == "sksurv:CoxPHSurvivalAnalysis"
    keys = {"target": "pain", "drop": ["months", "died"], "task": "ordinal"}
    levels = load_environments(file_of(path, **keys, order=["none", "some", "much"]))
    assert levels.classes == ("none", "some", "much")
    with pytest.raises(UsageError, match="add --task ordinal"):
        load_environments(file_of(path, target="pain", order=["none"]))
    with pytest.raises(UsageError, match="leave --task out"):
        load_environments(file_of(path, target="months", event="died", task="ordinal"))


def times_of_wards():
    frame = table()
    made = gg.Environments.from_arrays(frame[["age", "dose"]], frame.months, frame.ward)
    return survival(made, frame.died)


@pytest.mark.parametrize("question", [evaluate, forecast, memorising])
def test_what_cannot_judge_times_says_what_to_do(question):
    with pytest.raises(UsageError, match=r"without the event; (make the target a class|name a)"):
        question(times_of_wards())


def test_shuffled_times_keep_their_events():
    data = times_of_wards()
    shuffled = condition(data, LABELS, 0)
    assert shuffled.scale == "survival"
    for k in range(3):
        ours, theirs = shuffled.y[shuffled.environment == k], data.y[data.environment == k]
        assert sorted(ours) == sorted(theirs)
        assert not np.array_equal(ours, theirs)
    found = memorising(data, "sksurv:CoxPHSurvivalAnalysis", seeds=1)
    assert (found.metric, found.chance) == ("concordance", 0.5)
    assert found.condition(TRUE).train.estimate > 0.65 > found.condition(LABELS).train.estimate


def test_no_cause_is_told_of_squared_errors_between_risks_and_times():
    frame = table()
    result = gg.measure(
        CoxPHSurvivalAnalysis(), frame[["age", "dose"]], frame.months, environment=frame.ward,
        event=frame.died, **SMALL,
    )  # fmt: skip
    found = explain(result, parts=["decomposition", "columns"])
    assert not found.parts
    assert all("no error of its own" in said for said in found.absent.values())
