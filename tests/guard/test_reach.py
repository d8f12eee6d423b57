"""Reach: distances by hand, which column is at fault, and the false-alarm rate beside detectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from guard_toys import Distance
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

import gengap as gg
from gengap.base.errors import SuspiciousInput, UsageError
from gengap.guard.calibration import calibrate
from gengap.guard.reach import Kind, reach_of
from gengap.models.columns import MISSING, UNSEEN, Columns


def people(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with numbers, categories and text, and what it says of a class."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    pressure = 90 + 0.6 * age + rng.normal(0, 5, rows)
    drug = rng.choice(["none", "x", "y"], rows)
    note = [f"case {k} of {rng.integers(10**9)}" for k in range(rows)]
    table = pd.DataFrame({"age": age, "pressure": pressure, "drug": drug, "note": note})
    table["salt"] = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(140, 3, rows))
    return table, ((age > 55) ^ (rng.random(rows) < 0.1)).astype(int)


def changed(table: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    new = table.copy()
    new[column] = value
    return new


def test_columns_of_a_table():
    table = pd.DataFrame(
        {"n": [1, 2, 3, 4], "t": ["b", "b", None, "b"], "d": pd.to_datetime(["1970-01-03"] * 4)}
    )
    columns = Columns.of(table)
    assert columns.categories == (None, ("b", None), None)
    np.testing.assert_array_equal(columns.numbers(table), [[k, 2.0] for k in (1, 2, 3, 4)])
    new = pd.DataFrame({"n": [1, 1], "t": ["c", None], "d": [pd.NaT, pd.NaT]})
    assert columns.codes(new).tolist() == [[UNSEEN], [1]]
    assert Columns.of(table.iloc[:2]).codes(new).tolist() == [[UNSEEN], [MISSING]]
    assert columns.encoded(new).tolist()[1][2:] == [0.0, 1.0]
    back = new[["d", "t", "n"]]
    np.testing.assert_array_equal(columns.codes(back), columns.codes(new))


def test_images_are_summarised():
    images = np.zeros((2, 1, 3, 3))
    images[1, 0, :, 1] = 9.0
    got = Columns.of(images).numbers(torch.from_numpy(images))
    np.testing.assert_allclose(got, [[0] * 5, [0, 9, 3, np.std([0, 9, 0]), 9]])


def test_distance_and_range_by_hand():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 2)) * [1, 10] + [0, 5]
    reach = reach_of(X, 0.05, 0)
    _, distance, parts = reach.measured(np.array([[3.0, 5.0], [0.0, 5.0], [2.0, -15.0]]))
    # uncorrelated, so the squared distance is the mean of squared standard scores
    np.testing.assert_allclose(distance, np.sqrt([4.5, 0, 4]), atol=0.2)
    np.testing.assert_allclose(parts, [[9, 0], [0, 0], [4, 4]], atol=0.6)
    high = X[:, 0].max()
    place = reach(np.array([[high + 0.5 * np.ptp(X[:, 0]), 5.0]]))
    assert place.beyond[0] == pytest.approx(0.5 / reach.limits[0], rel=1e-6)
    assert (place.kind[0], place.fault[0]) == (Kind.RANGE, 0)


def test_values_that_do_not_go_together():
    table, _ = people(600)
    reach = reach_of(table[["age", "pressure"]], 0.05, 0)
    old = pd.DataFrame({"age": [20], "pressure": [140.0]})  # both ordinary, not together
    place = reach(old)
    assert place.beyond[0] > 1
    assert place.kind[0] == Kind.DISTANCE


def pipeline() -> object:
    parts = make_column_transformer(
        (StandardScaler(), ["age", "pressure"]), (OneHotEncoder(handle_unknown="ignore"), ["drug"])
    )
    return make_pipeline(parts, LogisticRegression())


def booster_table(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="note").astype({"drug": "category"})


@pytest.mark.parametrize("kind", ["pipeline", "calibrated", "booster"])
def test_what_cannot_be_is_refused_and_its_column_named(kind):
    train, target = people(300, 1)
    form = booster_table if kind == "booster" else pd.DataFrame.copy
    model = {
        "pipeline": pipeline,
        "calibrated": lambda: CalibratedClassifierCV(pipeline(), cv=3),
        "booster": lambda: HistGradientBoostingClassifier(max_iter=10),
    }[kind]().fit(form(train), target)
    table, y = people(300)
    guard = gg.Guard.fit(model, form(table), y, environment=np.arange(300) % 5)
    new, _ = people(50, 2)
    for column, value, said in (
        ("age", 999, "column 'age' is 999, outside 18 to 89"),
        ("drug", "z", "column 'drug' is 'z', which the guard has not seen there"),
        ("pressure", np.nan, "column 'pressure' is missing, which the guard has not seen there"),
    ):
        decision = guard(form(changed(new, column, value)))
        assert not decision.accept.any()
        assert set(decision.column) == {column}
        assert said in decision.reason[0]
    assert guard(form(changed(new, "salt", np.nan))).accept.mean() > 0.8  # it often is missing
    assert guard(form(new)).accept.mean() > 0.8
    assert all(share > 0.95 for name, share in guard.impossible.items() if name != "times 1.5")
    assert "new category in drug" in guard.impossible


@pytest.mark.parametrize("blind", [False, True])
def test_false_alarms_beside_a_detector(blind):
    """Over 150 calibrations; with text that never recurs and values that are missing by chance."""
    rates = []
    for seed in range(150):
        table, _ = people(178, seed)
        reach = reach_of(table[:79], 0.1, seed)

        def judged(rows, reach=reach):
            return np.abs(rows["pressure"].to_numpy() - 120) * (not blind), reach(rows).beyond

        scores, beyond = judged(table[79:118])
        calibration = calibrate(scores, 0.1, beyond=beyond)
        rates.append(np.mean(calibration.p_values(*judged(table[118:])) <= 0.1))
    error = np.std(rates, ddof=1) / np.sqrt(len(rates))
    assert np.mean(rates) <= 0.1 + 3 * error
    if not blind:  # scores do not tie, and 4 of 40 is the rate exactly, so it is attained
        assert np.mean(rates) >= 0.1 - 3 * error


def test_bytes_instead_of_shares_of_one():
    rng = np.random.default_rng(0)
    images, y = rng.random((200, 1, 8, 8)), np.arange(200) % 3
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    guard = gg.Guard.fit(model, images, y, detector="msp")
    assert guard.impossible["0 to 255 instead of 0 to 1"] == 1.0
    decision = guard(255 * images[:3])
    assert "the largest value is 25" in decision.reason[0]
    assert "outside 0." in decision.reason[0]


def test_small_calibrations_are_warned_of_and_the_report_says_what_it_rests_on():
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = (X[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(X[:40], y[:40])
    with pytest.warns(SuspiciousInput, match="rests on the 1 strangest of 19 calibration examples"):
        guard = gg.Guard.fit(model, X[:60], y[:60], environment=np.arange(60) % 2)
    said = guard.report()
    # one of 19: the k-th largest of n uniform numbers is Beta(1, 19), whose limits are by hand
    low, high = (1 - q ** (1 / 19) for q in (0.975, 0.025))
    assert f"from {low:.1%} to {high:.1%}" in said
    assert "Of normal examples made impossible, the guard refuses:" in said
    assert "100%  times 10" in said


def test_rates_by_environment_are_kept_where_rows_say_whose_they_are():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 2))
    where = np.repeat(np.array(list("abcde")), 100)
    X *= (1 + np.arange(5).repeat(100))[:, None]
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    guard = gg.Guard.fit(
        model, X, X[:, 0] > 0, environment=where, per_environment=True, false_alarms=0.1,
        detector=Distance(),
    )  # fmt: skip
    new = rng.normal(size=(2000, 2))
    # The environment that spreads least: as any other almost nothing is rejected, as its own 10%.
    assert np.mean(~guard(new).accept) < 0.01
    own = np.mean(~guard(new, environment=np.full(2000, "a")).accept)
    low, high = guard.calibration.rate(0.999)
    assert low <= own <= high
    unknown = guard(new, environment=np.full(2000, "f"))
    np.testing.assert_array_equal(unknown.accept, guard(new).accept)
    told = guard.report()
    assert "Where a row's environment is not told, the rate of 0.1 holds in each of the 5" in told
    assert f"{guard.calibration.if_alike():.1%} would be if the environments were all" in told
    with pytest.raises(UsageError, match="knows no environments"):
        gg.Guard.fit(model, X, X[:, 0] > 0, detector=Distance())(new, environment=where[:1])
