"""Equivalence: against statsmodels, brute force, and the interval it must agree with."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from gengap.base.errors import UsageError
from gengap.statistics.equivalence import equivalence_test
from gengap.statistics.paired import permutation_test, t_test


@pytest.mark.parametrize("n", [3, 8, 25])
@pytest.mark.parametrize("shift", [-0.8, 0.0, 0.3, 2.0])
def test_equals_statsmodels(n: int, shift: float):
    rng = np.random.default_rng(n)
    x, y = rng.normal(shift, 1, size=n), rng.normal(size=n)
    theirs = ttost_paired(x, y, -0.7, 0.7)[0]
    assert equivalence_test(x - y, 0.7).p_value == pytest.approx(theirs)


@pytest.mark.parametrize("test", ["Student", "sign flips"])
@pytest.mark.parametrize("seed", range(12))
def test_equivalent_exactly_when_the_interval_lies_inside(test, seed: int):
    rng = np.random.default_rng(seed)
    d = rng.normal(0.1, 1, size=int(rng.integers(5, 24)))
    found = equivalence_test(d, 0.5, test=test, permutations=999)
    assert found.level == pytest.approx(0.9)
    assert found.equivalent == (found.low > -0.5 and found.high < 0.5)
    paired = t_test(d, 0.9) if test == "Student" else permutation_test(d, 0.9, permutations=999)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high))


def test_sign_flips_by_brute_force():
    d, margin = np.array([0.3, -0.1, 0.25, 0.1, 0.0, -0.2, 0.4]), 0.3
    signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
    above_low = np.mean(signs @ (d + margin) >= np.sum(d + margin) - 1e-12)
    below_high = np.mean(signs @ (d - margin) <= np.sum(d - margin) + 1e-12)
    found = equivalence_test(d, margin, test="sign flips")
    assert found.p_value == pytest.approx(max(above_low, below_high))


def test_what_is_shown_and_what_is_not():
    # Variance 6.25e-5, so the half-width is 2.1318 * sqrt(6.25e-5 / 5).
    small = np.array([0.01, -0.01, 0.0, 0.005, -0.005])
    near, far, wide = (equivalence_test(d, 0.02) for d in (small, small + 0.5, small * 9))
    assert near.equivalent
    assert (near.low, near.high) == pytest.approx((-0.007537, 0.007537), abs=1e-6)
    assert repr(near).startswith("Equivalence(shown within 0.02: 0, -0.007537 to 0.007537, 90%")
    assert not far.equivalent
    assert far.low > far.margin
    assert not wide.equivalent
    assert wide.low < wide.margin < wide.high
    assert not equivalence_test([0.01], 0.02).defined


def test_without_spread_student_claims_nothing():
    for d in ([0.0], [0.01, 0.01, 0.01]):
        found = equivalence_test(d, 0.5)
        assert math.isnan(found.p_value)
        assert not found.equivalent
        assert found.note


def test_four_environments_cannot_show_equivalence_by_sign_flips():
    four = equivalence_test([0.0, 0.1, -0.1, 0.05], 9.0, test="sign flips")
    assert four.p_value == 1 / 16
    assert not four.equivalent
    assert four.note == "With so few environments no p-value can be below 0.0625."
    assert equivalence_test([0.0, 0.1, -0.1, 0.05, 0.0], 9.0, test="sign flips").equivalent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0.0}, "margin is 0.0"),
        ({"margin": math.nan}, "margin is nan"),
        ({"margin": 0.1, "alpha": 0.5}, "alpha is 0.5"),
        ({"margin": 0.1, "test": "t"}, "'Student' or 'sign flips'"),
    ],
)
def test_bad_arguments(arguments: dict, message: str):
    with pytest.raises(UsageError, match=message):
        equivalence_test([0.1, 0.2], **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("test", ["Student", "sign flips"])
def test_size_at_the_margin(test):
    rng = np.random.default_rng(2)
    found = [
        equivalence_test(d, 3.0, test=test).equivalent
        for d in rng.normal(3.0, 1.0, size=(2_000, 10))
    ]
    assert np.mean(found) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 2_000))
