"""The driver: what it measures, what it says, and that nobody's labels reach their own forecast."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.parts import folds
from gengap.questions.forecasting.forecast import forecast
from gengap.questions.forecasting.measured import LINES, MEAN, SOURCE
from gengap.report.forecasting import grades_table

PER = 60


def problem(environments: int = 6, regression: bool = False, seed: int = 0) -> Environments:
    """Two inputs move with the environment, away from the boundary; nothing else changes."""
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(environments), PER)
    X = rng.standard_normal((len(where), 2)) + 0.4 * where[:, None]
    signal = X @ [1.0, 1.0]
    if regression:
        return Environments.from_arrays(X, signal + 0.3 * rng.standard_normal(len(where)), where)
    y = rng.random(len(where)) < 1 / (1 + np.exp(-2 * signal))
    return Environments.from_arrays(X, y.astype(int), where)


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(1)
    told = []
    result = forecast(
        problem(), LogisticRegression(), seeds=2, new=rng.standard_normal((50, 2)) + 1,
        progress=lambda now: told.append(now.done / now.total),
    )  # fmt: skip
    return result, told


def test_truth_is_the_accuracy_where_a_model_has_not_been(found):
    result, _ = found
    e = problem()
    right = []
    for seed in (0, 1):
        train = (folds(e.environment, e.y, 2, 0) != seed) & (e.environment != 4)
        mean, sd = e.X[train].mean(0), e.X[train].std(0)
        model = LogisticRegression().fit((e.X[train] - mean) / sd, e.y[train])
        rows = e.environment == 4
        right.append(model.score((e.X[rows] - mean) / sd, e.y[rows]))
    assert result.truth[4] == pytest.approx(np.mean(right))


def test_every_forecaster_is_graded_and_a_calibrated_model_is_forecast_by_its_confidence(found):
    result, _ = found
    assert len(result.grades) == 12
    assert set(result.new) == set(result.grades) == set(result.forecasts)
    errors = [g.error.estimate for g in result.grades.values()]
    assert errors == sorted(errors)
    assert result.selection.name == next(iter(result.grades))
    # Covariate shift and the right model: confidence knows, the training accuracy does not.
    assert result.grades["average confidence"].error.estimate < 0.06
    assert result.grades[SOURCE].error.estimate > result.grades["average confidence"].error.estimate
    assert result.grades["average confidence"].correlation.estimate > 0.5


def test_references_by_hand(found):
    result, _ = found
    others = [(result.truth.sum() - a) / 5 for a in result.truth]
    np.testing.assert_allclose(result.forecasts[MEAN], others)
    assert math.isnan(result.grades[MEAN].correlation.estimate)
    assert result.new[MEAN] == pytest.approx(result.truth.mean())
    assert SOURCE not in result.against
    # A binomial with the environments' accuracies: E|error| = sqrt(2 p (1 - p) / (pi n)).
    p = result.truth
    expected = np.mean(np.sqrt(2 * p * (1 - p) / (np.pi * PER)))
    assert result.noise == pytest.approx(expected, rel=0.15)


def test_the_new_examples_interval_is_made_from_the_held_out_errors(found):
    result, _ = found
    best = result.selection.name
    errors = result.truth - result.forecasts[best]
    p = min(result.new[best] + errors.mean(), 1.0)
    assert result.expected.estimate == pytest.approx(p)
    q = (50 * p + 2) / 54
    noise = (result.truth * (1 - result.truth) / 60).mean()  # two runs that answer almost alike
    known, estimated = max(0.0, q * (1 - q) / 50 - noise), errors.var(ddof=1) * 7 / 6
    degrees = 5 * (known + estimated) ** 2 / estimated**2
    half = stats.t.ppf(0.975, degrees) * math.sqrt(known + estimated)
    assert result.expected.low == pytest.approx(p - half, abs=0.02 + 1e-9)  # one example of 50
    assert result.expected.high == pytest.approx(min(p + half, 1.0), abs=0.02 + 1e-9)
    shares = 50 * np.array([result.expected.low, result.expected.high])
    np.testing.assert_allclose(shares, shares.round(), atol=1e-9)


def test_one_new_example_is_right_or_wrong():
    result = forecast(problem(4), LogisticRegression(), seeds=1, new=np.ones((1, 2)))
    assert (result.expected.low, result.expected.high, result.new_rows) == (0.0, 1.0, 1)
    assert result.answer.startswith("On the new examples (1 example; so few that chance alone")
    assert "(0.0 to 100.0)" in result.answer


def test_the_fewer_the_new_examples_the_wider_the_interval():
    for regression in (False, True):
        e = problem(5, regression)
        rows = e.X[2 * PER : 3 * PER]  # repeated, so that only their number differs
        model = Ridge() if regression else LogisticRegression()
        few, some, many = (
            forecast(e, model, seeds=1, new=x) for x in (rows[:3], rows, np.tile(rows, (9, 1)))
        )
        assert few.expected.half_width > 1.3 * some.expected.half_width
        assert many.expected.half_width < some.expected.half_width + 1e-6
        assert "so few" in few.answer
        assert "Fewer than 30" in few.expected.note
        assert "so few" not in some.answer
        assert "Fewer than 30" not in some.expected.note


def test_a_perfect_forecast_errs_by_chance_and_smaller_errors_are_called_luck(found):
    result, _ = found
    best = result.grades[result.selection.name].error.estimate
    assert f"perfect forecast err by about {100 * result.noise:.1f} points" in result.answer
    lucky, unlucky = replace(result, noise=best + 0.01), replace(result, noise=best - 0.01)
    assert lucky.answer.endswith("; smaller errors here are luck.")
    assert "luck" not in unlucky.answer


def test_the_summary_is_strict_json_and_is_saved(found, tmp_path):
    result, told = found
    path = result.save(tmp_path / "a" / "b")["forecast.json"]
    saved = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
    assert saved["answer"] == result.answer == repr(result)
    assert saved["grades"][MEAN]["correlation"]["estimate"] is None
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_an_environments_own_labels_do_not_reach_its_direct_forecasts():
    e = problem(4)
    turned = e.y.copy()
    turned[e.environment == 2] = 1 - turned[e.environment == 2]
    other = Environments.from_arrays(e.X, turned, e.environment)
    # The folds are dealt by class, so environments other than 2 are compared for the models only.
    a, b = (forecast(x, "sklearn:LogisticRegression", seeds=2) for x in (e, other))
    for name in set(a.forecasts) - set(LINES) - {MEAN}:
        assert a.forecasts[name][2] == pytest.approx(b.forecasts[name][2], abs=1e-12), name
    assert a.truth[2] == pytest.approx(1 - b.truth[2])


def test_same_seeds_same_forecasts_and_networks_join_in():
    a, b = (forecast(problem(4), "mlp(8)", seeds=2, steps=20) for _ in range(2))
    assert a.summary == b.summary
    assert "dropout stability line" in a.grades
    assert a.model == "mlp(8)"


def test_regression_is_graded_on_absolute_errors():
    result = forecast(problem(5, regression=True), Ridge(), seeds=2, new=np.zeros((20, 2)))
    assert set(result.grades) == {
        SOURCE, MEAN, "importance weighting", "neighbours' errors", "disagreement line",
    }  # fmt: skip
    # The model is right, so nothing moves: the absolute error of noise is 0.3 sqrt(2 / pi).
    assert result.truth.mean() == pytest.approx(0.3 * math.sqrt(2 / math.pi), rel=0.1)
    assert result.grades["importance weighting"].error.estimate < 0.06
    assert "mean absolute error" in result.answer
    # The mean of the others has a bias of 0 but for rounding, which is not shown.
    shown = {row[0].text: row[3].text for row in grades_table(result).rows}
    assert abs(result.grades[MEAN].bias.estimate) < 1e-15
    assert shown[MEAN] == "0.000"
    thousandfold = replace(result, truth=1000 * result.truth)
    shown = {row[0].text: row[3].text for row in grades_table(thousandfold).rows}
    assert shown[MEAN] == "0"


def test_what_does_not_apply_is_left_out():
    three = forecast(problem(3), LinearSVC(), seeds=1)
    assert set(three.grades) == {
        SOURCE, MEAN, "importance weighting", "neighbours' accuracy", "neighbours' labels",
    }  # fmt: skip
    assert three.expected is None
    assert three.answer.endswith("all of this is rough.")
    assert "Fewer than 6" in three.grades[SOURCE].error.note


def test_tables_with_text_take_gradient_boosting_by_default():
    e = problem(3)
    frame = pd.DataFrame(e.X, columns=["a", "b"]).assign(c=np.where(e.X[:, 0] > 0, "up", "down"))
    table = Environments.from_arrays(frame, e.y, e.environment)
    new = pd.DataFrame({"a": [0.0, 1.0], "b": [0.5, None], "c": ["up", "sideways"]})
    result = forecast(table, seeds=1, new=new)
    assert result.model == "sklearn:HistGradientBoostingClassifier"
    assert 0 <= result.expected.low <= result.expected.high <= 1


def test_far_new_examples_are_said_to_be_far():
    result = forecast(problem(4), LogisticRegression(), seeds=1, new=np.full((40, 2), 9.0))
    # The doubt comes before the number.
    assert result.answer.startswith("On the new examples (40 examples; farther from the labelled")
    assert result.answer.index("may be too narrow") < result.answer.index("expect accuracy")
    assert result.expected.low < result.expected.high <= 1  # cut lines keep an interval
    near = forecast(
        problem(4), LogisticRegression(), seeds=1, new=problem(4, seed=1).X[PER : 2 * PER]
    )
    assert "may be too narrow" not in near.answer


@pytest.mark.parametrize(
    ("environments", "options", "words"),
    [
        (problem(2), {}, "cannot be graded on 2 environments"),
        (problem(3), {"seeds": 0}, "seeds must be"),
        (problem(3), {"steps": 1.5}, "steps must be"),
        (problem(3), {"level": 1.0}, "level is 1.0"),
        (problem(3), {"model": "resnet"}, "no model 'resnet'"),
        (problem(3), {"model": "sklearn:Ridge"}, "is a regressor"),
        (problem(3), {"model": Ridge()}, "is a regressor"),
        (problem(3), {"new": np.zeros((2, 5))}, "shape"),
    ],
)
def test_bad_input_is_one_sentence(environments, options, words):
    with pytest.raises(UsageError, match=words):
        forecast(environments, **options)


def test_rows_that_belong_together_count_as_one():
    """Every row ten times: as copies of one row they add nothing, as rows they narrow it."""
    e = problem()
    copies = np.arange(len(e)).repeat(10)
    whole = Environments.from_arrays(e.X[copies], e.y[copies], e.environment[copies])
    together = Environments.from_arrays(
        e.X[copies], e.y[copies], e.environment[copies], cluster=copies
    )
    options = {"seeds": 1, "new": e.X[:60].repeat(10, 0)}
    once, alone, grouped = (
        forecast(data, LogisticRegression(), **{**options, "new": new})
        for data, new in ((e, e.X[:60]), (whole, options["new"]), (together, options["new"]))
    )
    assert grouped.noise == pytest.approx(once.noise, rel=0.1)
    assert alone.noise == pytest.approx(once.noise / math.sqrt(10), rel=0.1)
    assert grouped.expected is not None
    assert alone.expected is not None
    assert grouped.expected.high - grouped.expected.low >= alone.expected.high - alone.expected.low
