"""Rounding and digits, against numbers rounded by hand."""

import pytest
from summary_builders import environment_row, method_row, small_summary

from gengap.report.numerals import (
    Numerals,
    count,
    counted,
    duration,
    fixed,
    given,
    p_equals,
    share,
    significant,
    typeset,
)
from gengap.report.reading import read

PERCENT = Numerals(percent=True, decimals=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0215, "2.2"),  # 2.15 rounds up by hand; the float nearest to it is below
        (0.02149, "2.1"),
        (-0.0215, "-2.2"),
        (0.9125, "91.3"),
        (-0.0004, "0.0"),
        (0.0, "0.0"),
        (1.0, "100.0"),
        (None, "n/a"),
    ],
)
def test_percent_is_rounded_as_by_hand(value, text):
    assert PERCENT(value) == text


def test_signs():
    assert PERCENT(0.012, plus=True) == "+1.2"
    assert PERCENT(-0.012, plus=True) == "-1.2"
    assert PERCENT(0.0001, plus=True) == "0.0"


def test_typeset_numbers_have_a_minus_sign_in_words_and_tables_alike():
    number = Numerals(False, 2)
    with typeset():
        assert PERCENT(-0.012) == "−1.2"
        assert number.interval(-0.5, 0.5, plus=True) == "−0.50 to +0.50"
        assert [fixed(-0.1), given(-2.0), significant(-1e-9)] == ["−0.10", "−2", "−1e−09"]
        assert Numerals(False, None)(1e-9) == "1e−09"
    assert PERCENT(-0.012) == "-1.2"


def test_intervals():
    assert PERCENT.interval(-0.004, 0.0101) == "-0.4 to 1.0"
    assert PERCENT.interval(None, 0.01) == ""
    assert PERCENT.around(None, 0.0, 0.01) == ""


@pytest.mark.parametrize(
    ("cost", "half", "text"),
    [
        (0.21, 0.05, "0.21"),
        (12.3, 1.0, "12"),
        (3.21, 0.4, "3.2"),
        (12345.6, 900.0, "12,346"),
        (2.5e-9, 1e-9, "2.5e-09"),
    ],
)
def test_digits_follow_the_size_of_the_costs(cost, half, text):
    ends = {"cost_of_unseen": cost, "cost_low": cost - half, "cost_high": cost + half}
    summary = small_summary(
        [method_row(**ends, score_unseen=3.0, worst_unseen=4.0)],
        [environment_row("writer 1", **ends)],
        metric_is_fraction=False,
    )
    assert read(summary).number(cost) == text


def test_tiny_costs_in_percent_get_a_second_decimal():
    ends = {"cost_of_unseen": 0.0004, "cost_low": 0.0002, "cost_high": 0.0006}
    summary = small_summary([method_row(**ends)], [environment_row("writer 1", **ends)])
    assert read(summary).number(0.0004) == "0.04"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, True, "0.3"])
def test_what_is_no_finite_number_counts_as_not_measured(value):
    assert read(small_summary([method_row(gap=value)])).methods[0]["gap"] is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (9.96, "10 s"), (84.5, "84 s"), (210.0, "3.5 min"), (7560.0, "2.1 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts():
    assert count(1234567.0) == "1,234,567"
    assert count(None) == "n/a"


def test_plain_training_comes_first_then_the_best_score():
    methods = [
        method_row("a", score_unseen=0.8),
        method_row("b", score_unseen=None),
        method_row("c", score_unseen=0.9),
        method_row("erm", score_unseen=0.1),
    ]
    names = [row["method"] for row in read(small_summary(methods)).methods]
    assert names == ["erm", "c", "a", "b"]
    loss = read(small_summary(methods, higher_is_better=False)).methods
    assert [row["method"] for row in loss] == ["erm", "a", "c", "b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01, "1 point"), (-0.012, "-1.2 points"), (12.0, "1,200 points"), (None, "n/a")],
)
def test_three_digits_with_a_unit(value, text):
    assert Numerals(True, None).points(value) == text


def test_what_is_nan_was_not_measured():
    nan = float("nan")
    assert PERCENT(nan) == share(nan) == count(None) == "n/a"
    assert PERCENT.interval(0.1, nan) == ""


def test_p_values_in_sentences():
    assert [p_equals(p) for p in (0.0004, 0.0312, 1.0)] == ["p < 0.001", "p = 0.031", "p = 1.000"]


def test_numbers_of_things():
    assert counted(1, "run") == "1 run"
    assert counted(1200, "run") == "1,200 runs"
