"""Disparity of groups: luck of the extremes taken off, limits that hold, growth without bias."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.disparity import disparity, growth


def table(number: int, effects: np.ndarray, environments: int = 8, noise: float = 0.3):
    rng = generator(number, "groups")
    base = rng.normal(size=(environments, 1))
    return base + effects + noise * rng.normal(size=(environments, len(effects)))


def test_two_groups_are_students_paired_test():
    values = table(0, np.array([0.0, 0.4]))
    found = disparity(values)
    test = stats.ttest_rel(values[:, 1], values[:, 0])
    low, high = test.confidence_interval(0.95)
    assert (found.worst, found.best) == (1, 0)
    assert found.gap.high == pytest.approx(high)
    assert found.gap.low == pytest.approx(max(low, 0))
    assert found.naive == pytest.approx(np.mean(values[:, 1] - values[:, 0]))


def test_alike_groups_are_seldom_told_apart_and_their_gap_is_drawn_in():
    found = [disparity(table(k, np.zeros(6))) for k in range(200)]
    assert np.mean([f.gap.low > 0 for f in found]) <= 0.08
    naive = np.mean([f.naive for f in found])
    assert naive == pytest.approx(2.53 * 0.3 / np.sqrt(8), rel=0.1)  # range of six normal means
    assert np.mean([f.gap.estimate for f in found]) < 0.4 * naive


def test_limits_hold_and_the_spread_is_that_of_the_truth():
    effects = np.array([0.0, 0.2, 0.5, 1.0])
    found = [disparity(table(k, effects)) for k in range(200)]
    assert np.mean([f.gap.low <= 1 <= f.gap.high for f in found]) >= 0.95
    assert np.mean([f.gap.estimate for f in found]) == pytest.approx(1.0, abs=0.05)
    assert np.mean([f.spread for f in found]) == pytest.approx(effects.std(ddof=1), abs=0.03)


def test_a_hard_environment_does_not_count_against_the_groups_it_has():
    values = table(1, np.zeros(3), noise=0.01)
    values[0] += 100
    values[0, 0] = np.nan
    assert disparity(values).naive < 0.05


def test_growth_is_told_when_there_is_some_and_no_more_often_than_promised_when_not():
    false, grown = [], []
    for number in range(200):
        inside = table(number, np.zeros(5))
        outside = inside + table(number + 1000, np.zeros(5), noise=0.2)
        false.append(growth(outside, inside)[0].excludes())
        grown.append(growth(outside + np.array([0, 0, 0, 0, 0.9]), inside)[0].low > 0)
    assert np.mean(false) <= 0.09
    assert np.mean(grown) > 0.8
