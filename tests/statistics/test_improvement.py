"""Probability of improvement against scipy and brute force; what few runs do to estimates."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.aggregate_intervals import aggregate_intervals
from gengap.statistics.aggregates import median
from gengap.statistics.improvement import (
    pairwise_improvement,
    probability_of_improvement,
    seed_improvement,
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


def normal_by_brute_force(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """95% limits from the row and column means of every environment's table of wins."""
    shares, variances = [], []
    for x, y in zip(first, second, strict=True):
        x, y = x[~np.isnan(x)], y[~np.isnan(y)]
        wins = np.array([[(a > b) + 0.5 * (a == b) for b in y] for a in x])
        parts = [wins.mean(axis=1), wins.mean(axis=0)]
        shares.append(wins.mean())
        variances.append(sum(p.var(ddof=1) / len(p) for p in parts if len(p) > 1))
    return stats.norm.interval(0.95, np.mean(shares), np.sqrt(np.sum(variances)) / len(first))


def test_very_many_runs_have_normal_limits(monkeypatch: pytest.MonkeyPatch):
    first, second = METHODS[0].copy(), METHODS[1, :, :4].copy()
    first[0, 2] = first[3, 0] = second[2, 1:] = np.nan
    resampled = probability_of_improvement(first, second)
    monkeypatch.setattr("gengap.statistics.improvement.MOST_WINS", 0)
    ours = probability_of_improvement(first, second)
    assert ours.estimate == pytest.approx(resampled.estimate)
    assert (ours.low, ours.high) == pytest.approx(normal_by_brute_force(first, second))
    assert "Normal limits" in ours.note
    assert "one run" in ours.note
    assert "Normal" not in resampled.note
    back = probability_of_improvement(second, first)
    assert (back.low, back.high) == pytest.approx((1 - ours.high, 1 - ours.low))


def test_normal_limits_agree_with_resampled_ones(monkeypatch: pytest.MonkeyPatch):
    x, y = np.random.default_rng(5).normal([[[0.3]], [[0.0]]], 1, (2, 6, 60)).round(1)
    resampled = probability_of_improvement(x, y, replicates=10_000)
    monkeypatch.setattr("gengap.statistics.improvement.MOST_WINS", 0)
    normal = probability_of_improvement(x, y)
    assert (normal.low, normal.high) == pytest.approx((resampled.low, resampled.high), abs=0.003)


def test_normal_limits_stay_between_0_and_1(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gengap.statistics.improvement.MOST_WINS", 0)
    nearly = probability_of_improvement([[1.0, 2.0, 3.0]], [[0.0, 0.5, 1.5]])
    assert nearly.high == 1
    assert nearly.low > 0.5
    won = probability_of_improvement(np.ones((3, 5)), np.zeros((3, 5)))
    assert (won.low, won.high) == (1, 1)
    assert "Every pair" in won.note
    single = probability_of_improvement(METHODS[0, :, :1], METHODS[1, :, :1])
    assert not single.defined
    assert single.note.startswith("One run")


def test_a_thousand_runs_a_cell_are_not_resampled():
    # Resampling all pairs of 4 methods took minutes and gigabytes.
    table = np.random.default_rng(6).normal(size=(4, 20, 1000))
    tracemalloc.start()
    won = pairwise_improvement(table)[0][1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "Normal limits" in won.note
    expected = np.sqrt((1 / 12) * 2 / 1000 / 20) * stats.norm.ppf(0.975)
    assert won.half_width == pytest.approx(expected, rel=0.05)
    assert peak < 20e6


def test_resamples_are_counted_in_blocks_of_bounded_size():
    table = np.random.default_rng(7).normal(size=(4, 40, 40))
    tracemalloc.start()
    pairwise_improvement(table, replicates=6000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All at once the counts of the four methods alone would be 307 MB.
    assert peak < 150e6


def test_bad_tables_are_refused():
    with pytest.raises(UsageError, match="same environments"):
        probability_of_improvement(METHODS[0], METHODS[1, :4])
    with pytest.raises(UsageError, match="same environments"):
        probability_of_improvement(METHODS, METHODS)
    with pytest.raises(UsageError, match="methods x"):
        pairwise_improvement(METHODS[0])


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


def test_limits_over_seeds_that_environments_have_in_common_are_the_jackknifes():
    rng = np.random.default_rng(7)
    first, second = rng.normal(0.3, 1, (4, 6)), rng.normal(0, 1, (4, 6))

    def won(a, b):
        return np.mean([(x > y) + (x == y) / 2 for e in range(4) for x in a[e] for y in b[e]])

    parts = [won(np.delete(first, s, 1), np.delete(second, s, 1)) for s in range(6)]
    variance = 5 / 6 * np.sum((parts - np.mean(parts)) ** 2)
    found = seed_improvement(first, second)
    assert found.estimate == pytest.approx(won(first, second))
    half = stats.t.ppf(0.975, 5) * np.sqrt(variance)
    assert found.high == pytest.approx(min(found.estimate + half, 1))


def test_what_a_seed_does_everywhere_is_not_averaged_out_by_environments():
    """Limits over seeds hold 0.5 of equal methods, those of runs drawn anew do not."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(60):
        first, second = rng.normal(size=(2, 30, 5)) + 1.5 * rng.normal(size=(2, 1, 5))
        anew = probability_of_improvement(first, second, replicates=200)
        held.append((not anew.excludes(0.5), not seed_improvement(first, second).excludes(0.5)))
    anew_held, seeds_held = np.mean(held, axis=0)
    assert anew_held < 0.5
    assert seeds_held > 0.9
