"""Performance profiles: exact shares, binomial limits, joint bands."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import integrate, stats

from gengap.base.errors import UsageError
from gengap.statistics.aggregates import optimality_gap
from gengap.statistics.profiles import performance_profile

STUDY = np.random.default_rng(0).normal(size=(8, 6))


def test_shares_are_counted():
    grid = np.linspace(-2, 2, 9)
    profile = performance_profile(STUDY, grid)
    np.testing.assert_allclose(profile.share, [np.mean(t < STUDY) for t in grid])
    assert performance_profile([[1.0, 2.0]], [1.0]).share == pytest.approx(0.5)  # not above itself


def test_environments_weigh_equally_when_runs_are_missing():
    profile = performance_profile([[1.0, np.nan, np.nan], [0.0, 0.0, 3.0]], [0.5])
    assert profile.share == pytest.approx((1 + 1 / 3) / 2)


def test_area_above_the_curve_is_the_optimality_gap():
    scores = np.random.default_rng(1).random((5, 4))
    profile = performance_profile(scores, np.linspace(0, 1, 20_001), replicates=1)
    area = integrate.trapezoid(1 - profile.share, profile.thresholds)
    assert area == pytest.approx(float(optimality_gap(scores)), abs=1e-4)


def test_pointwise_limits_of_one_environment_are_binomial():
    # The share above a threshold in a resample of n runs, k of them above, is binomial(n, k/n) / n.
    scores = np.arange(40.0)[None]
    profile = performance_profile(scores, [9.5, 19.5, 33.5], replicates=20_000)
    for k, low, high in zip([30, 20, 6], profile.low, profile.high, strict=True):
        theirs = stats.binom(40, k / 40).ppf([0.025, 0.975]) / 40
        assert (low, high) == pytest.approx(tuple(theirs), abs=0.5 / 40)


def test_default_thresholds_span_the_scores():
    profile = performance_profile(STUDY)
    assert len(profile.thresholds) == 101
    assert profile.thresholds[[0, -1]].tolist() == pytest.approx([STUDY.min(), STUDY.max()])
    assert (np.diff(profile.share) <= 1e-12).all()
    assert (profile.low <= profile.share).all()
    assert (profile.share <= profile.high).all()


def test_the_band_of_independent_environments_is_that_of_independent_normals():
    # Far apart, ten environments are crossed one after another: at the threshold in the middle of
    # each only its own runs vary, so c is the quantile of the largest of 10 independent deviations.
    scores = 100 * np.arange(10)[:, None] + np.random.default_rng(2).permuted(np.arange(80.0))
    profile = performance_profile(scores, 100 * np.arange(10) + 39.5, replicates=20_000)
    half = profile.simultaneous_high - profile.share
    sd = np.sqrt(0.25 / 79) / 10
    assert half[3] / sd == pytest.approx(stats.norm.ppf((1 + 0.95 ** (1 / 10)) / 2), rel=0.05)
    assert half[3] == pytest.approx(profile.share[3] - profile.simultaneous_low[3])


def test_thresholds_are_sorted_and_threads_do_not_change_a_digit():
    first = performance_profile(STUDY, [0.5, -0.5], replicates=30_000, threads=1)
    second = performance_profile(STUDY, [-0.5, 0.5], replicates=30_000, threads=2)
    assert first.thresholds.tolist() == [-0.5, 0.5]
    np.testing.assert_array_equal(first.simultaneous_low, second.simultaneous_low)
    np.testing.assert_array_equal(first.high, second.high)


@pytest.mark.parametrize("runs", [20, 21, 49, 100, 300])
def test_many_runs_give_bands_without_warnings(runs: int):
    # Sums of 1 / runs come out a hair above 1, whose binomial variance has no square root.
    scores = np.random.default_rng(runs).normal(size=(3, runs))
    scores[0, 15:20] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile = performance_profile(scores, np.linspace(-6, 6, 41), replicates=300)
    assert (profile.share[0], profile.share[-1]) == (1, 0)
    for band in (profile.low, profile.high, profile.simultaneous_low, profile.simultaneous_high):
        assert ((band >= 0) & (band <= 1 + 1e-12)).all()


def test_fewer_resamples_of_very_many_runs_are_noted(monkeypatch: pytest.MonkeyPatch):
    table = np.tile(STUDY, 2)
    asked = performance_profile(table, [0.0], replicates=400)
    monkeypatch.setattr("gengap.statistics.resampling.MOST_DRAWS", 400 * table.size)
    fewer = performance_profile(table, [0.0], replicates=3000)
    assert fewer.note == "400 resamples, not 3,000: runs are many."
    assert (fewer.low, fewer.high, asked.note) == (asked.low, asked.high, "")


def test_one_run_per_environment_has_no_bands():
    profile = performance_profile(STUDY[:, :1], [0.0])
    assert np.isnan(profile.low).all()
    assert np.isnan(profile.simultaneous_high).all()
    assert "One run per environment" in repr(profile)


def test_repr_is_readable():
    text = repr(performance_profile(np.tile(STUDY, 2), [0.0, 1.0, 2.0], replicates=10))
    assert text == "Profile(3 thresholds 0 to 2, 95%)"


@pytest.mark.parametrize("thresholds", [[], [np.nan], [[0.0, 1.0]], [np.inf]])
def test_bad_thresholds_are_refused(thresholds: list[float]):
    with pytest.raises(UsageError, match="Thresholds"):
        performance_profile(STUDY, thresholds)


def test_several_methods_are_refused():
    with pytest.raises(UsageError, match="one method"):
        performance_profile(STUDY[None])


@pytest.mark.slow
def test_simultaneous_bands_hold_everywhere_and_pointwise_ones_do_not():
    rng = np.random.default_rng(3)
    centres = np.linspace(-1, 1, 10)
    grid = np.linspace(-1, 1, 41)
    truth = stats.norm.sf(grid[:, None] - centres).mean(axis=1)
    joint = alone = 0
    for study in range(400):
        scores = centres[:, None] + rng.normal(size=(10, 10))
        profile = performance_profile(scores, grid, replicates=1000, seed=study)
        joint += bool(
            ((profile.simultaneous_low <= truth) & (truth <= profile.simultaneous_high)).all()
        )
        alone += bool(((profile.low <= truth) & (truth <= profile.high)).all())
    assert 0.92 < joint / 400 < 0.98
    assert alone / 400 < 0.8
