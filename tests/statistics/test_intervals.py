"""Student's interval, Satterthwaite's degrees of freedom, and the text of an interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics import Interval, mean_interval
from gengap.statistics.intervals import (
    p_value,
    satterthwaite,
    skewed_student,
    student,
    student_mean,
)


def test_student_is_scipys_interval():
    values = np.array([0.1, -0.2, 0.4, 0.05, 0.3])
    ours = student(values.mean(), values.var(ddof=1) / 5, 4, level=0.9)
    theirs = stats.ttest_1samp(values, 0.0)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
    assert p_value(values.mean(), values.var(ddof=1) / 5, 4) == pytest.approx(theirs.pvalue)


def test_satterthwaite_by_hand():
    # (1 + 3)^2 / (1 / 4 + 9 / 9) = 16 / 1.25
    assert satterthwaite(np.array([1.0, 3.0]), np.array([4.0, 9.0])) == pytest.approx(12.8)


def test_satterthwaite_of_equal_parts_adds_their_degrees():
    assert satterthwaite(np.full(6, 0.2), np.full(6, 25.0)) == pytest.approx(150)


def test_satterthwaite_ignores_parts_of_zero():
    assert satterthwaite(np.array([0.0, 2.0]), np.array([0.0, 7.0])) == pytest.approx(7)
    assert satterthwaite(np.zeros(2), np.zeros(2)) == math.inf


def test_infinite_degrees_are_normal():
    interval = student(0.0, 1.0, math.inf)
    assert interval.high == pytest.approx(stats.norm.ppf(0.975))


def test_zero_variance_has_no_width_and_unknown_variance_no_limits():
    assert student(0.1, 0.0, math.inf).half_width == 0
    unknown = student(0.1, math.nan, 0)
    assert unknown.estimate == 0.1
    assert not unknown.defined
    assert not unknown.excludes(0)
    assert p_value(0.0, 0.0, 3) == 1
    assert p_value(0.1, 0.0, 3) == 0
    assert math.isnan(p_value(0.1, math.nan, 3))


def test_excludes_is_strict():
    assert not Interval(1.0, 0.0, 2.0).excludes(0)
    assert Interval(1.0, 0.1, 2.0).excludes(0)
    assert Interval(-1.0, -2.0, -0.1).excludes(0)


def test_repr_is_readable():
    text = repr(Interval(0.02134, 0.00412, 0.03856, 0.95))
    assert text == "Interval(0.02134, 0.00412 to 0.03856, 95%)"
    assert repr(Interval(0, 0, 1, 0.9, "why")) == "Interval(0, 0 to 1, 90%, note='why')"


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_no_share_is_refused(level: float):
    with pytest.raises(UsageError, match="level"):
        mean_interval([0.1, 0.2], [0, 0], [0, 0], [0, 1], level=level)


def test_limits_are_cut_to_what_is_possible():
    cut = Interval(0.9, -0.2, 1.3, 0.9, "wide").within(0.0, 1.0)
    assert cut == Interval(0.9, 0.0, 1.0, 0.9, "wide")
    assert Interval(2.0, -1.0, 9.0).within(0.0).high == 9.0
    assert not Interval(0.5, math.nan, math.nan).within(0.0, 1.0).defined


def test_the_mean_of_independent_values_is_scipys():
    values = np.array([0.1, 0.4, 0.2, 0.7])
    found = student_mean(values, 0.9)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert not student_mean(values[:1]).defined
    assert math.isnan(student_mean(values[:0]).estimate)


def test_skewed_means_are_covered_on_both_sides():
    """Means of exponential variables: Student's limits lie too far to the left."""
    rng = np.random.default_rng(0)
    beyond = np.zeros((2, 2))
    for _ in range(2000):
        x = rng.exponential(size=40)
        apart = (x - x.mean()) / 40
        variance = (apart**2).sum() * 40 / 39
        skewness = (apart**3).sum() / (apart**2).sum() ** 1.5
        plain = student(x.mean(), variance, 39)
        found, _ = skewed_student(float(x.mean()), variance, skewness, 39)
        beyond += [[one.high < 1, one.low > 1] for one in (plain, found)]
    left, right = beyond[1] / 2000
    assert beyond[0, 0] / 2000 > 0.05  # a side should miss 2.5%
    assert left < 0.045
    assert right == pytest.approx(0.025, abs=0.015)


def test_without_skewness_it_is_students():
    found, p = skewed_student(1.0, 0.25, 0.0, 20.0)
    assert found == student(1.0, 0.25, 20.0)
    assert p == p_value(1.0, 0.25, 20.0)
    tilted, q = skewed_student(1.0, 0.25, 1e-3, 20.0)
    assert tilted.low == pytest.approx(found.low, abs=0.01)
    assert q == pytest.approx(p, rel=0.05)
    # The p-value is that level at which a limit touches 0.
    _, q = skewed_student(1.0, 0.25, 0.3, 20.0)
    edge, _ = skewed_student(1.0, 0.25, 0.3, 20.0, 1 - q)
    assert edge.low == pytest.approx(0.0, abs=1e-9)
