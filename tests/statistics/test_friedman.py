"""Friedman's test and the critical difference: Demšar's worked example, SciPy, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.friedman import critical_difference, friedman_test

# Demšar 2006, table 6: area under the curve of four variants of C4.5 on 14 data sets. In the last
# but one he prints 0.975 twice but ranks the first above the second.
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
).T


def test_demsars_average_ranks():
    found = friedman_test(DEMSAR)
    assert np.round(found.average_ranks, 3).tolist() == [3.143, 2.0, 2.893, 1.964]
    # His chi-square, 9.28, ignores three ties of two and one of four: 3 (2^3 - 2) + (4^3 - 4) = 78
    # of 14 (4^3 - 4) = 840.
    assert found.statistic == pytest.approx(9.28 / (1 - 78 / 840), abs=0.005)


def test_demsars_critical_difference():
    found = critical_difference(DEMSAR, NAMES)
    # q = 2.569 in his table 5, CD = 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25.
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(20 / 84), abs=1e-3)
    assert found.names == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    assert found.groups == (found.names,)
    # At 10%, 2.291 sqrt(20 / 84) = 1.12, he tells C4.5 from both variants with m.
    tenth = critical_difference(DEMSAR, NAMES, 0.9)
    assert tenth.critical_difference == pytest.approx(1.12, abs=0.005)
    assert tenth.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5"))


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_equals_scipy_with_and_without_ties(digits: int):
    table = np.round(np.random.default_rng(0).normal(size=(4, 9)), digits)
    theirs = stats.friedmanchisquare(*table)
    found = friedman_test(table)
    assert found.statistic == pytest.approx(theirs.statistic)
    assert found.p_value == pytest.approx(theirs.pvalue)


def test_iman_davenport_is_the_analysis_of_variance_of_the_ranks():
    table = np.round(np.random.default_rng(1).normal(size=(5, 8)), 1)
    ranks = stats.rankdata(-table, axis=0)
    residuals = ranks - ranks.mean(axis=1, keepdims=True) - ranks.mean(axis=0) + ranks.mean()
    between = 8 * np.sum((ranks.mean(axis=1) - ranks.mean()) ** 2) / 4
    f = between / (np.sum(residuals**2) / 28)
    found = friedman_test(table)
    assert found.f_statistic == pytest.approx(f)
    assert found.f_p_value == pytest.approx(stats.f.sf(f, 4, 28))


def test_unanimous_and_undecided_tables():
    unanimous = friedman_test(np.tile([[3.0], [2.0], [1.0]], 4))
    assert unanimous.average_ranks == (1, 2, 3)
    assert (unanimous.statistic, unanimous.f_statistic, unanimous.f_p_value) == (8, math.inf, 0)
    equal = friedman_test(np.ones((3, 4)))
    assert (equal.statistic, equal.p_value, equal.f_p_value) == (0, 1, 1)


def test_two_methods_are_compared_as_two_normals():
    found = critical_difference(np.random.default_rng(0).normal(size=(2, 9)), ["a", "b"])
    assert found.critical_difference == pytest.approx(1.959964 / math.sqrt(9), rel=1e-5)


def test_groups_by_hand():
    # Unanimous on 25 environments: ranks 1 to 5; CD = 2.728 sqrt(5 * 6 / (6 * 25)) = 1.22.
    table = np.tile(np.array([[5.0], [1.0], [4.0], [3.0], [2.0]]), 25)
    found = critical_difference(table, list("aedcb"))
    assert found.names == ("a", "d", "c", "b", "e")
    assert found.critical_difference == pytest.approx(1.22, abs=0.002)
    assert found.groups == (("a", "d"), ("d", "c"), ("c", "b"), ("b", "e"))
    # Four times as many halve it to below 1: every method stands alone.
    assert critical_difference(np.tile(table, 4), list("aedcb")).groups == ()


def test_incomplete_environments_are_left_out_and_counted():
    table = DEMSAR.copy()
    table[1, 3] = table[2, 3] = table[0, 7] = math.nan
    complete = np.delete(DEMSAR, [3, 7], axis=1)
    found = friedman_test(table)
    assert found.statistic == friedman_test(complete).statistic
    assert found.environments == 12
    assert found.note == "2 of 14 environments lack a method and are left out."
    assert critical_difference(table, NAMES).environments == 12


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.ones(4), "table"),
        (np.ones((1, 4)), "at least 2 methods"),
        (np.full((2, 4), math.inf), "finite"),
        (np.array([[1.0, math.nan], [2.0, 1.0]]), "1 of 2 are"),
    ],
)
def test_bad_tables(table: np.ndarray, message: str):
    with pytest.raises(UsageError, match=message):
        friedman_test(table)


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a", "b"]])
def test_bad_names(names: list[str]):
    with pytest.raises(UsageError, match="3 different names"):
        critical_difference(np.ones((3, 4)), names)


@pytest.mark.slow
def test_family_wise_error_of_the_critical_difference():
    rng = np.random.default_rng(0)
    names = list("abcd")
    false = [
        critical_difference(table, names).groups != (critical_difference(table, names).names,)
        for table in rng.normal(size=(400, 4, 15))
    ]
    assert 0.01 < np.mean(false) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
