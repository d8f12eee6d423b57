"""Conformal thresholds: hand-worked quantiles, the exact Beta distribution, simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.selective.conformal import (
    FEW_EFFECTIVE,
    calibrate,
    calibrate_by_environment,
    calibrate_new_environment,
    calibrate_weighted,
    coverage_interval,
    smallest_size,
)


@pytest.mark.parametrize(
    ("n", "miscoverage", "rank"),
    [(9, 0.1, 9), (10, 0.1, 10), (19, 0.1, 18), (99, 0.05, 95), (9, 0.3, 7), (1, 0.5, 1)],
)
def test_hand_worked_quantiles(n: int, miscoverage: float, rank: int):
    assert calibrate(np.random.default_rng(0).permutation(n) + 1, miscoverage).value == rank


def test_too_few_examples_give_everything_with_the_reason():
    found = calibrate([1.0] * 8, 0.1)
    assert found.value == math.inf
    assert "fewer than 9" in found.note


def test_coverage_has_the_beta_distribution():
    rng = np.random.default_rng(1)
    n, miscoverage = 30, 0.15
    coverage = [calibrate(rng.random(n), miscoverage).value for _ in range(2000)]
    # l = floor(31 * 0.15) = 4
    assert stats.kstest(coverage, stats.beta(n + 1 - 4, 4).cdf).pvalue > 0.01
    low, high = stats.beta(27, 4).interval(0.9)
    found = coverage_interval(n, miscoverage, 0.9)
    assert (found.estimate, found.low, found.high) == pytest.approx((27 / 31, low, high))


def test_smallest_size_against_a_search():
    assert [smallest_size(a) for a in (0.5, 0.1, 0.05, 0.3)] == [1, 9, 19, 3]
    assert math.isfinite(calibrate(range(smallest_size(0.07)), 0.07).value)
    assert calibrate(range(smallest_size(0.07) - 1), 0.07).value == math.inf
    enough = [
        stats.beta.cdf(0.87, n + 1 - math.floor((n + 1) / 10), math.floor((n + 1) / 10)) <= 0.05
        for n in range(9, 2000)
    ]
    last_failure = 9 + int(np.flatnonzero(~np.array(enough))[-1])
    assert smallest_size(0.1, slack=0.03) == last_failure + 1


def test_each_environment_is_calibrated_alone():
    scores, environment = [1, 2, 3, 10, 20, 30], ["a"] * 3 + ["b"] * 3
    found = calibrate_by_environment(scores, environment, 0.5)
    assert {name: t.value for name, t in found.items()} == {"a": 2.0, "b": 20.0}


def test_a_new_environment_by_hand():
    # Three environments of 1, 2, 4 examples: examples weigh 1/4, 1/8, 1/16; 1/4 is at infinity.
    scores = [5, 1, 6, 2, 3, 4, 7]
    environment = ["a", "b", "b", "c", "c", "c", "c"]
    # Shares at or below 1, 2, .. 6: .125 .1875 .25 .3125 .5625 .6875; 7 makes .75.
    assert calibrate_new_environment(scores, environment, 0.5).value == 5
    assert calibrate_new_environment(scores, environment, 0.4).value == 6
    assert calibrate_new_environment(scores, environment, 0.25).value == 7
    found = calibrate_new_environment(scores, environment, 0.2)
    assert found.value == math.inf
    assert found.note.startswith("3 environments are too few")


def test_one_example_per_environment_is_plain_calibration():
    scores = np.random.default_rng(2).random(25)
    assert calibrate_new_environment(scores, range(25), 0.1).value == calibrate(scores, 0.1).value


def test_new_environments_are_covered_where_pooling_fails():
    rng = np.random.default_rng(3)
    ours, pooled, studies, K = 0.0, 0.0, 1500, 5
    for _ in range(studies):
        # Every environment has its own shift, as large as the noise times three.
        scores = rng.normal(size=(K + 1, 20)) + 3 * rng.normal(size=(K + 1, 1))
        known, new = scores[:K].ravel(), scores[K]
        ours += np.mean(new <= calibrate_new_environment(known, np.repeat(range(K), 20), 0.2).value)
        pooled += np.mean(new <= calibrate(known, 0.2).value)
    # Standard error below 0.4 / sqrt(1500) = 0.0103.
    assert ours / studies > 0.8 - 0.02
    assert pooled / studies < 0.785


@pytest.mark.parametrize("miscoverage", [0.05, 0.1, 0.2, 0.3, 0.7])
@pytest.mark.parametrize("n", [1, 4, 9, 19, 20, 99])
def test_uniform_weights_change_nothing(n: int, miscoverage: float):
    scores = np.random.default_rng(n).random(n)
    found = calibrate_weighted(scores, np.full(n, 0.3), [0.3, 0.3], miscoverage)
    assert found.values.tolist() == [calibrate(scores, miscoverage).value] * 2
    assert found.effective_size == pytest.approx(n)


def test_weights_by_hand():
    found = calibrate_weighted([3, 1, 2], [1, 2, 1], [0, 1, 6], 0.4)
    # Shares at 1, 2, 3: of 4 (.5 .75 1), of 5 (.4 .6 .8), of 10 (.2 .3 .4).
    assert found.values.tolist() == [2, 2, math.inf]
    assert found.note.startswith("1 of 3 thresholds are infinite")
    assert found.note.endswith(FEW_EFFECTIVE)
    assert found.effective_size == pytest.approx(16 / 6)


def test_weights_restore_coverage_under_covariate_shift():
    # x is N(0, 1), then N(1, 1): ratio exp(x - 1/2). The score's spread grows with x.
    rng = np.random.default_rng(4)
    weighted, plain, studies = 0.0, 0.0, 1500
    for _ in range(studies):
        x, new = rng.normal(size=60), rng.normal(1, 1, size=10)
        scores, theirs = np.exp(x) * rng.random(60), np.exp(new) * rng.random(10)
        limit = calibrate_weighted(scores, np.exp(x), np.exp(new), 0.1).values
        weighted += np.mean(theirs <= limit)
        plain += np.mean(theirs <= calibrate(scores, 0.1).value)
    assert 0.89 < weighted / studies < 0.96
    assert plain / studies < 0.8


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: calibrate([]), "scores must be a list"),
        (lambda: calibrate([1.0], 0.0), "miscoverage is 0.0"),
        (lambda: calibrate_by_environment([1.0, 2.0], ["a"]), "2 labels"),
        (lambda: calibrate_weighted([1.0], [0.0], [1.0]), "not all 0"),
        (lambda: calibrate_weighted([1.0], [1.0], [-1.0]), "negative"),
        (lambda: coverage_interval(10, 1.5), "miscoverage is 1.5"),
        (lambda: smallest_size(0.1, slack=0.0), "slack is 0.0"),
    ],
)
def test_bad_input(call, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        call()
