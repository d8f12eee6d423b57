"""Means of tables in which each seed has environments of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.statistics.crossed_means import mean_of_table
from gengap.statistics.drawn_by_seed import drawn_mean


def drawn(n: int, environments: int, spread: tuple[float, float, float], seed: int) -> np.ndarray:
    """A table whose true mean is 0; ``spread`` is that of environments, seeds and the rest."""
    rng = np.random.default_rng(seed)
    own = spread[0] * rng.normal(size=environments)
    table = np.full((environments, 5), np.nan)
    for s in range(5):
        rows = rng.permutation(environments)[:n]
        table[rows, s] = own[rows] + spread[1] * rng.normal() + spread[2] * rng.normal(size=n)
    return table


def test_seeds_that_share_no_environment_have_students_limits_of_their_means() -> None:
    table = np.full((6, 3), np.nan)
    for s in range(3):
        table[2 * s : 2 * s + 2, s] = [s, s + 1]
    found = drawn_mean(table)
    low, high = stats.t.interval(0.95, 2, 1.5, 1 / math.sqrt(3))
    assert (found.estimate, found.low, found.high) == pytest.approx((1.5, low, high))


def test_of_a_complete_table_limits_are_those_of_crossed_means_or_a_little_wider() -> None:
    table = drawn(60, 60, (1.0, 0.5, 0.2), 0)
    found, known = drawn_mean(table), mean_of_table(table)
    low, high = known.limits(0.95)
    assert found.estimate == pytest.approx(float(known.estimate))
    assert found.high - found.low == pytest.approx(float(high - low), rel=0.05)


def test_one_seed_has_no_limits() -> None:
    found = drawn_mean(np.array([[1.0], [3.0]]))
    assert found.estimate == 2
    assert math.isnan(found.low)


@pytest.mark.parametrize("n", [10, 80])
def test_limits_hold(n: int) -> None:
    """Within three errors of 95% at least, of 400 tables."""
    tables = (drawn(n, 200, (1.0, 0.5, 0.5), seed) for seed in range(400))
    held = np.mean([(i := drawn_mean(table)).low < 0 < i.high for table in tables])
    assert held > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)
