"""Paired tests: against SciPy, by hand, intervals that agree with their p-values, coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.paired import PairedTest, permutation_test, t_test, wilcoxon_test

TESTS = [permutation_test, wilcoxon_test, t_test]


def samples() -> list[np.ndarray]:
    """Differences of 6 to 9 environments: distinct, and with ties and zeros."""
    rng = np.random.default_rng(3)
    plain = [rng.normal(0.4, 1, size=n) for n in (6, 7, 9)]
    return plain + [np.round(x, 0) for x in plain] + [np.round(x, 1) / 10 for x in plain]


def limits(found: PairedTest) -> tuple[float, float]:
    return found.low, found.high


@pytest.mark.parametrize("d", samples())
def test_sign_flips_equal_scipy(d: np.ndarray):
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=10_000)
    found = permutation_test(d)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.estimate == pytest.approx(d.mean())


def brute_force_p(d: np.ndarray, w: np.ndarray) -> float:
    signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
    return float(np.mean(np.abs(signs @ (w * d)) >= abs(w @ d) - 1e-12))


@pytest.mark.parametrize("d", samples())
def test_sign_flip_limits_are_where_the_test_begins_to_reject(d: np.ndarray):
    low, high = limits(permutation_test(d, 0.9))
    w = np.ones(len(d))
    for edge, inward in ((low, 1e-6), (high, -1e-6)):
        assert brute_force_p(d - edge, w) > 0.1
        assert brute_force_p(d - edge - inward, w) > 0.1
        assert brute_force_p(d - edge + inward, w) <= 0.1


def test_sign_flips_by_hand():
    # Means of the sets of 1, 2, 6: 1, 1.5, 2, 3, 3.5, 4, 6. Of 8 sign vectors the sums 9 and -9 are
    # as extreme as 9, so p = 1/4. At 50% the limits are the 2nd smallest and 2nd largest mean.
    found = permutation_test([1.0, 2.0, 6.0], 0.5)
    assert found.p_value == 0.25
    assert limits(found) == (1.5, 4.0)
    assert found.units == 3


@pytest.mark.parametrize("n", [1, 2, 4, 5])
@pytest.mark.parametrize("test", [permutation_test, wilcoxon_test])
def test_few_environments_are_said_to_allow_no_limits(test, n: int):
    found = test(np.arange(1.0, n + 1))
    assert found.p_value == 2.0 ** (1 - n)
    assert not found.defined
    assert not found.excludes(0)
    assert f"below {2.0 ** (1 - n):.3g}, so there are no 95% limits" in found.note


@pytest.mark.parametrize("test", [permutation_test, wilcoxon_test])
def test_six_environments_just_suffice(test):
    found = test([3.0, 1.0, 2.0, 5.5, 4.0, 7.0])
    assert limits(found) == (1, 7)
    assert found.p_value == pytest.approx(1 / 32)
    assert "below 0.0312." in found.note


@pytest.mark.parametrize("seed", range(30))
def test_limits_exclude_zero_exactly_when_p_is_small(seed: int):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 26))
    d = np.round(rng.normal(0.6, 1, size=n), int(rng.integers(1, 9)))
    found = permutation_test(d, permutations=499)
    assert found.excludes(0) == (found.p_value <= 0.05 + 1e-12)
    distinct = rng.normal(0.6, 1, size=n)
    for test in (wilcoxon_test, t_test):
        found = test(distinct)
        assert found.excludes(0) == (found.p_value <= 0.05 + 1e-12)


def test_random_sign_vectors_come_near_all_of_them_and_obey_the_seed(monkeypatch):
    d = np.random.default_rng(5).normal(0.5, 1, size=16)
    exact = permutation_test(d)
    monkeypatch.setattr("gengap.statistics.sign_flips.ALL_SETS_UP_TO", 10)
    sampled = permutation_test(d, permutations=19_999, seed=1)
    error = math.sqrt(exact.p_value * (1 - exact.p_value) / 19_999)
    assert sampled.p_value != exact.p_value
    assert sampled.p_value == pytest.approx(exact.p_value, abs=4 * error)
    assert limits(sampled) == pytest.approx(limits(exact), abs=0.03)
    assert permutation_test(d, permutations=199, seed=1) == permutation_test(
        d, permutations=199, seed=1
    )
    assert permutation_test(d, permutations=199, seed=1) != permutation_test(
        d, permutations=199, seed=2
    )


def test_too_few_random_sign_vectors_are_said():
    found = permutation_test(np.linspace(0.1, 2, 25), permutations=9)
    assert found.p_value == 0.1
    assert not found.defined
    assert found.note == (
        "With so few permutations no p-value can be below 0.1, so there are no 95% limits."
    )


def test_environments_are_averaged_over_the_seeds_they_have():
    nan = math.nan
    table = [[1.0, 3.0], [4.0, nan], [nan, nan], [5.0, 7.0]]
    for test in TESTS:
        assert test(table) == test([2.0, 4.0, 6.0])


def test_seeds_as_units_weigh_environments_equally():
    nan = math.nan
    table = np.array([[0.3, 0.1, 0.5], [1.0, nan, nan], [-0.2, 0.4, nan]])
    seen = ~np.isnan(table)
    d, w = table[seen], (seen / seen.sum(axis=1, keepdims=True))[seen]
    found = permutation_test(table, 0.8, unit="seed")
    assert found.units == 6
    assert found.estimate == pytest.approx(np.mean([0.3, 1.0, 0.1]))
    assert found.p_value == pytest.approx(brute_force_p(d, w))
    for edge, inward in ((found.low, 1e-6), (found.high, -1e-6)):
        assert brute_force_p(d - edge - inward, w) > 0.2
        assert brute_force_p(d - edge + inward, w) <= 0.2


@pytest.mark.parametrize("d", samples())
def test_wilcoxon_equals_scipy(d: np.ndarray):
    exact = stats.PermutationMethod(n_resamples=10_000)
    theirs = stats.wilcoxon(d, zero_method="pratt", method=exact)
    assert wilcoxon_test(d).p_value == pytest.approx(theirs.pvalue)


def test_wilcoxon_of_many_environments_equals_scipys_normal():
    d = np.round(np.random.default_rng(0).normal(0.06, 1, size=400), 1)
    theirs = stats.wilcoxon(d, zero_method="pratt", method="asymptotic")
    assert wilcoxon_test(d).p_value == pytest.approx(theirs.pvalue)


def test_wilcoxon_with_every_sign_vector_by_brute_force():
    d = np.array([0.5, -0.5, 0.0, 1.0, 1.0, -0.25, 2.0])
    ranks = stats.rankdata(np.abs(d)) * (d != 0)
    signs = np.array(list(itertools.product([1, -1], repeat=len(d))))
    p = np.mean(np.abs(signs @ ranks) >= abs(np.sign(d) @ ranks))
    found = wilcoxon_test(d)
    assert found.p_value == pytest.approx(p)
    assert "Zeros or ties" in found.note


def test_hodges_lehmann_limits_by_brute_force():
    d = np.random.default_rng(8).normal(0.3, 1, size=9)
    found = wilcoxon_test(d, 0.9)
    averages = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)]
    assert found.estimate == pytest.approx(np.median(averages))
    for edge, inward in ((found.low, 1e-9), (found.high, -1e-9)):
        assert stats.wilcoxon(d - edge - inward, method="exact").pvalue > 0.1
        assert stats.wilcoxon(d - edge + inward, method="exact").pvalue <= 0.1


@pytest.mark.parametrize("d", samples())
def test_t_equals_scipy(d: np.ndarray):
    theirs = stats.ttest_1samp(d, 0)
    found = t_test(d, 0.9)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert limits(found) == pytest.approx(tuple(theirs.confidence_interval(0.9)))


def test_t_without_spread_claims_nothing():
    found = t_test([0.1 + 0.2, 0.3, 0.3])
    assert math.isnan(found.p_value)
    assert not found.defined
    assert "agree" in found.note
    assert "One environment" in t_test([0.3]).note
    assert t_test([0.0, 0.0]).p_value == 1


def test_rounding_breaks_no_ties():
    # 0.1 + 0.2 - 0.3 is 5.6e-17: the sums 0.0 and 5.6e-17 are one value.
    d = [0.1, 0.2, -0.3, 0.1 + 0.2, -0.1, -0.2]
    assert permutation_test(d).p_value == permutation_test([1, 2, -3, 3, -1, -2]).p_value == 1
    assert wilcoxon_test(d).p_value == wilcoxon_test([1, 2, -3, 3, -1, -2]).p_value


@pytest.mark.parametrize("test", TESTS)
def test_equal_predictions_show_no_difference(test):
    found = test(np.zeros(8))
    assert (found.estimate, found.p_value) == (0, 1)
    assert not found.excludes(0)


@pytest.mark.parametrize("test", TESTS)
def test_opposite_signs_mirror(test):
    d = samples()[2]
    there, back = test(d), test(-d)
    assert limits(there) == pytest.approx((-back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)


def test_repr_is_one_line():
    assert repr(permutation_test([1.0, 2.0, 6.0], 0.5)).startswith(
        "PairedTest(3, 1.5 to 4, 50%, p=0.25, sign flips, n=3, note='With so few environments"
    )


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "finite numbers"),
        ([math.nan, math.nan], "finite numbers"),
        ([0.1, math.inf], "finite numbers"),
        (np.zeros((2, 2, 2)), "3 axes"),
        (0.3, "0 axes"),
    ],
)
def test_bad_differences(test, wrong: object, message: str):
    with pytest.raises(UsageError, match=message):
        test(wrong)


def test_bad_arguments():
    with pytest.raises(UsageError, match="level is 95"):
        permutation_test([0.1, 0.2], 95)
    with pytest.raises(UsageError, match="permutations is 0"):
        permutation_test([0.1, 0.2], permutations=0)
    with pytest.raises(UsageError, match=r"\(environments, seeds\)"):
        permutation_test([0.1, 0.2], unit="seed")
    with pytest.raises(UsageError, match="'environment' or 'seed'"):
        permutation_test([0.1, 0.2], unit="domain")


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("n", [8, 30])
def test_coverage_for_normal_differences(test, n: int):
    rng = np.random.default_rng(n)
    found = [test(row) for row in rng.normal(1.0, 2.0, size=(1_000, n))]
    covered = np.mean([not each.excludes(1.0) for each in found])
    assert covered == pytest.approx(0.955, abs=3 * math.sqrt(0.05 * 0.95 / 1_000) + 0.005)
