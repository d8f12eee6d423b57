"""Column tests: hand-worked ranks, SciPy, enumeration, and what each column is tested as."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.questions.shift.univariate import (
    any_column,
    category_test,
    column_tests,
    kolmogorov_smirnov,
)
from gengap.report.shift import change


def test_three_against_three_apart():
    # All of the 20 orders are equally likely, and two of them have distance 1.
    assert kolmogorov_smirnov([1, 2, 3], [4, 5, 6]) == (1.0, pytest.approx(0.1))


def test_missing_numbers_are_left_out_of_kolmogorov_smirnov():
    found = kolmogorov_smirnov([1, np.nan, 2, 3], [4, 5, 6, np.nan])
    assert found == kolmogorov_smirnov([1, 2, 3], [4, 5, 6])
    assert all(math.isnan(value) for value in kolmogorov_smirnov([1.0], [np.nan]))


def test_beyond_a_million_pairs_the_asymptotic_distribution_serves():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=1_200), rng.normal(size=1_000)
    found = kolmogorov_smirnov(x, y)
    assert found[1] == pytest.approx(stats.ks_2samp(x, y, method="exact").pvalue, abs=0.02)


def test_chi_square_with_large_counts_is_scipys():
    before = np.repeat(["a", "b", "c"], [50, 30, 20])
    after = np.repeat(["a", "b", "c"], [20, 30, 30])
    theirs = stats.chi2_contingency([[50, 30, 20], [20, 30, 30]], correction=False)
    assert category_test(before, after) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_small_counts_by_enumeration():
    # 2 x 2: given the margins, how many of the new rows are "b" is hypergeometric.
    before, after = ["a"] * 8 + ["b"] * 2, ["a"] * 3 + ["b"] * 4
    statistic, p = category_test(before, after)
    number = np.arange(7)
    chances = stats.hypergeom.pmf(number, 17, 6, 7)
    missed = (number - 7 * 6 / 17) ** 2
    exact = chances[missed >= missed[4] - 1e-12].sum()
    assert statistic == pytest.approx(
        stats.chi2_contingency([[8, 2], [3, 4]], correction=False).statistic
    )
    assert p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9_999))


def test_one_value_everywhere_says_nothing():
    assert category_test(["a"] * 5, ["a"] * 3) == (0.0, 1.0)


def test_missing_is_a_value_of_a_category():
    found = category_test([None] * 30 + ["a"] * 10, [None] * 10 + ["a"] * 30)
    assert found == category_test(["?"] * 30 + ["a"] * 10, ["?"] * 10 + ["a"] * 30)
    assert found[0] == pytest.approx(20.0)


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)

    def rows(n: int, shift: float, east: float, lost: float) -> pd.DataFrame:
        frame = pd.DataFrame({"age": rng.normal(size=n) + shift, "lab": rng.normal(size=n)})
        frame["ward"] = np.where(rng.random(n) < east, "east", "west")
        frame["doses"] = rng.integers(0, 4, n)
        frame.loc[rng.random(n) < lost, "lab"] = np.nan
        return frame

    return rows(200, 0, 0.5, 0.02), rows(150, 1, 0.8, 0.3)


def test_each_column_is_tested_as_what_it_is():
    before, after = frames()
    tests = {(test.name, test.kind): test for test in column_tests(before, after)}
    assert list(tests) == [
        ("age", "number"), ("lab", "number"), ("lab", "missing"), ("ward", "category"),
        ("doses", "category"),
    ]  # fmt: skip
    moved = {key for key, test in tests.items() if test.adjusted_p < 0.01}
    assert moved == {("age", "number"), ("lab", "missing"), ("ward", "category")}
    share = (before.ward == "east").mean(), (after.ward == "east").mean()
    assert change(tests["ward", "category"]) == f"east: {share[0]:.1%} to {share[1]:.1%}"
    assert change(tests["age", "number"]).startswith("median ")
    p = np.array([test.p_value for test in tests.values()])
    adjusted = np.array([test.adjusted_p for test in tests.values()])
    assert adjusted[np.argmin(p)] == pytest.approx(5 * p.min())
    assert any_column(column_tests(before, after)) == adjusted.min()


def test_a_value_never_seen_before_is_named():
    (test,) = column_tests(
        pd.DataFrame({"device": ["x"] * 40}), pd.DataFrame({"device": ["x"] * 20 + ["z"] * 20})
    )
    assert test.adjusted_p < 0.001
    assert change(test) == "z: 0.0% to 50.0%"


def test_a_column_without_values_on_one_side_is_tested_for_that():
    (test,) = column_tests(np.arange(12.0)[:, None], np.full((12, 1), np.nan))
    assert (test.kind, change(test)) == ("missing", "missing 0.0% to 100.0%")
    assert test.p_value < 0.001


def test_false_alarms_over_all_columns_stay_below_the_level():
    rng = np.random.default_rng(0)
    alarms = [
        any_column(column_tests(rng.normal(size=(25, 5)), rng.normal(size=(20, 5)))) <= 0.1
        for _ in range(200)
    ]
    assert np.mean(alarms) <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / 200)
    assert np.mean(alarms) > 0.02  # and the test is not asleep


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), "no column 'x1'"),
        (np.zeros((0, 2)), np.zeros((3, 2)), "nothing to test"),
        (np.zeros(3), np.zeros(3), r"shape \(3,\)"),
        ([["a"]], [["b"]], "DataFrame"),
    ],
)
def test_bad_input_is_named(before, after, said):
    with pytest.raises(UsageError, match=said):
        column_tests(before, after)
