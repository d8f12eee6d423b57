"""Probability of improvement against scipy and brute force; what few runs do to estimates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.errors import UsageError
from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.aggregates import median
from gengap.statistics.improvement import (
    improvement_over_baseline,
    pairwise_improvement,
    probability_of_improvement,
)

METHODS = np.random.default_rng(0).integers(0, 6, size=(3, 5, 7)).astype(float)


def test_estimate_is_mann_whitneys_over_pairs():
    first, second = METHODS[0], METHODS[1, :, :4]
    shares = [stats.mannwhitneyu(x, y).statistic / 28 for x, y in zip(first, second, strict=True)]
    ours = probability_of_improvement(first, second)
    assert ours.estimate == pytest.approx(np.mean(shares))


def test_missing_runs_are_left_out():
    first = np.array([[1.0, np.nan, 3.0], [0.0, 0.0, 2.0]])
    second = np.array([[2.0, 2.0], [np.nan, 1.0]])
    # Half of the four pairs of environment 0, one of the three pairs of environment 1.
    assert probability_of_improvement(first, second).estimate == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_limits_are_those_of_resampled_pairs():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0.3, 1, (4, 9)).round(1), rng.normal(0, 1, (4, 8)).round(1)
    e = np.arange(4)[:, None]
    a = x[e, rng.integers(0, 9, (5000, 4, 9))][..., :, None]
    b = y[e, rng.integers(0, 8, (5000, 4, 8))][..., None, :]
    values = np.mean((a > b) + 0.5 * (a == b), axis=(1, 2, 3))
    ours = probability_of_improvement(x, y, replicates=20_000)
    theirs = np.quantile(values, [0.025, 0.975])
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.01)


def test_pairs_mirror_each_other():
    table = pairwise_improvement(METHODS)
    for i in range(3):
        assert table[i][i].estimate == 0.5
        for j in range(3):
            ours, mirrored = table[i][j], table[j][i]
            assert ours.estimate == pytest.approx(
                probability_of_improvement(METHODS[i], METHODS[j]).estimate
            )
            assert (ours.low, ours.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low))


def test_against_a_baseline_is_a_column_of_all_pairs():
    column = improvement_over_baseline(METHODS, 1)
    table = pairwise_improvement(METHODS)
    assert [i.estimate for i in column] == pytest.approx([row[1].estimate for row in table])
    assert column[2].low == pytest.approx(table[2][1].low, abs=0.01)


def test_ties_are_half_and_unanimity_is_noted():
    tied = probability_of_improvement(np.ones((3, 5)), np.ones((3, 5)))
    assert (tied.estimate, tied.low, tied.high) == pytest.approx((0.5, 0.5, 0.5))
    won = probability_of_improvement(np.ones((3, 5)), np.zeros((3, 5)))
    assert won.low == pytest.approx(1)
    assert "Every pair" in won.note


def test_few_runs_are_noted_and_single_ones_have_no_limits():
    assert "Fewer than 10" in probability_of_improvement(METHODS[0], METHODS[1, :, :3]).note
    single = probability_of_improvement(METHODS[0, :, :1], METHODS[1, :, :1])
    assert not single.defined
    assert "One run" in single.note


def test_the_seed_counts():
    first, again, other = (
        probability_of_improvement(METHODS[0], METHODS[1], seed=seed) for seed in (0, 0, 3)
    )
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_bad_tables_are_refused():
    with pytest.raises(UsageError, match="same environments"):
        probability_of_improvement(METHODS[0], METHODS[1, :4])
    with pytest.raises(UsageError, match="same environments"):
        probability_of_improvement(METHODS, METHODS)
    with pytest.raises(UsageError, match="methods x"):
        pairwise_improvement(METHODS[0])
    with pytest.raises(UsageError, match="baseline is 3"):
        improvement_over_baseline(METHODS, 3)


def test_few_runs_reverse_point_estimates_but_not_what_intervals_exclude():
    # Two methods over 16 environments of different difficulty and noise, the first better by a
    # little in every one; 3 runs each.
    rng = np.random.default_rng(2)
    centres, noise = rng.gamma(1.0, size=16), rng.gamma(2.0, 0.3, size=16)[:, None]
    reversed_point = reversed_interval = 0
    for study in range(80):
        worse, better = centres[:, None] + noise * rng.normal(size=(2, 16, 3))
        better = better + 0.05
        reversed_point += bool(median(better) < median(worse))
        found = [
            aggregate_intervals(table, replicates=300, seed=10 * study + k, threads=1)["median"]
            for k, table in enumerate((worse, better))
        ]
        reversed_interval += found[1].high < found[0].low
        reversed_interval += probability_of_improvement(better, worse, replicates=300).high < 0.5
    assert reversed_point / 80 > 0.25
    assert reversed_interval / 80 < 0.05


@pytest.mark.slow
def test_limits_hold_and_wrong_verdicts_are_rare():
    rng = np.random.default_rng(4)
    held = 0
    for study in range(1000):
        x, y = rng.normal(size=(2, 10, 10))
        held += not probability_of_improvement(x, y, seed=study).excludes(0.5)
    assert 0.915 < held / 1000 < 0.97
