"""Shrunken means: against James & Stein, hand-worked numbers, and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval
from gengap.statistics.shrinkage import NO_SCORE, NOT_SHRUNK, shrunken_means


def values(intervals: list[Interval]) -> np.ndarray:
    return np.array([interval.estimate for interval in intervals])


def test_by_hand():
    # Sample variance 10 and V = 5 give A = 5 and B = 2/4 * 1/2, so 0 moves a quarter of 4.
    shrunken = shrunken_means([0.0, 2.0, 4.0, 6.0, 8.0], variances=[5.0] * 5)
    assert values(shrunken) == pytest.approx([1.0, 2.5, 4.0, 5.5, 7.0])
    # 5 (1 - 4/5 * 1/4) = 4, and 2/2 * 1/16 * (y - 4)^2 is 1 at the ends and 1/4 next to them.
    half = [1.959964 * math.sqrt(4 + more) for more in (1, 1 / 4, 0, 1 / 4, 1)]
    assert [interval.half_width for interval in shrunken] == pytest.approx(half)


def test_equal_variances_are_james_and_steins():
    y, V = np.random.default_rng(0).normal(0, 2, size=9), 0.7
    factor = 1 - (9 - 3) * V / np.sum((y - y.mean()) ** 2)
    expected = y.mean() + factor * (y - y.mean())
    assert values(shrunken_means(y, variances=np.full(9, V))) == pytest.approx(expected)


def test_unequal_variances_solve_the_two_equations():
    y = np.array([0.0, 3.0, -2.0, 5.0, 1.0, 7.0])
    V = np.array([0.5, 1.0, 2.0, 0.2, 4.0, 1.5])
    # The equation for A, solved by search over a grid.
    grid = np.linspace(0.0, 30.0, 300_001)[:, None]
    W = 1 / (V + grid)
    centre = np.sum(W * y, axis=1, keepdims=True) / W.sum(axis=1, keepdims=True)
    excess = np.sum(W * (6 / 5 * (y - centre) ** 2 - V - grid), axis=1)
    at = int(np.argmin(np.abs(excess)))
    B = 3 / 5 * V / (V + grid[at])
    expected = (1 - B) * y + B * centre[at]
    assert values(shrunken_means(y, variances=V)) == pytest.approx(expected, abs=1e-4)


def test_noise_alone_shrinks_as_far_as_four_environments_allow():
    shrunken = shrunken_means([0.9, 1.0, 1.1, 1.0], variances=[100.0] * 4)
    assert values(shrunken) == pytest.approx(1 + np.array([-0.1, 0, 0.1, 0]) * 2 / 3)


def test_precise_means_stay():
    y = np.array([0.0, 1.0, 5.0, 9.0])
    assert values(shrunken_means(y, variances=np.full(4, 1e-9))) == pytest.approx(y, abs=1e-8)


def test_few_environments_are_not_shrunk():
    shrunken = shrunken_means([1.0, 2.0, 4.0], variances=[1.0, 4.0, 9.0], level=0.8)
    assert values(shrunken) == pytest.approx([1.0, 2.0, 4.0])
    half = stats.norm.ppf(0.9) * np.array([1, 2, 3])
    assert [interval.half_width for interval in shrunken] == pytest.approx(half)
    assert {interval.note for interval in shrunken} == {NOT_SHRUNK}


def test_noise_of_a_table_is_its_interaction():
    table = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.5], [4.0, 3.0, 5.0], [2.0, 4.0, 4.0]])
    rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    V = np.sum(rest**2) / 6 / 3
    known = shrunken_means(table.mean(1), variances=np.full(4, V))
    assert values(shrunken_means(table)) == pytest.approx(values(known))


def test_missing_environments_and_scores():
    table = np.random.default_rng(0).normal(size=(6, 4)) + np.arange(6)[:, None]
    table[2] = np.nan
    table[4, 1] = np.nan
    shrunken = shrunken_means(table)
    assert shrunken[2].note == NO_SCORE
    assert math.isnan(shrunken[2].estimate)
    others = shrunken_means(np.delete(table, 2, axis=0))
    assert values(shrunken[3:]) == pytest.approx(values(others[2:]))
    assert shrunken[4].half_width > shrunken[3].half_width


def test_identical_seeds_leave_no_noise():
    shrunken = shrunken_means(np.repeat([[1.0], [2.0], [4.0], [8.0]], 3, axis=1))
    assert values(shrunken) == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert shrunken[0].half_width == 0


@pytest.mark.parametrize(
    ("scores", "variances", "message"),
    [
        ([1.0, 2.0], [1.0], "shape"),
        ([1.0, 2.0], [1.0, 0.0], "positive"),
        ([1.0, 2.0], [1.0, np.nan], "positive"),
        ([1.0, np.inf], [1.0, 1.0], "finite"),
        ([np.nan, np.nan], [1.0, 1.0], "at least one"),
        ([[1.0], [2.0], [3.0], [4.0]], None, "2 seeds"),
        ([1.0, 2.0], None, "row per environment"),
    ],
)
def test_unusable_input(scores, variances, message: str):
    with pytest.raises(UsageError, match=message):
        shrunken_means(scores, variances=variances)


def simulate(E: int, S: int, tau: float, seeds: float, studies: int) -> tuple[float, float]:
    """Squared error over that of the plain means, and the share of limits that hold the truth."""
    rng, ours, plain, hits = np.random.default_rng(0), 0.0, 0.0, 0.0
    for _ in range(studies):
        truth = tau * rng.normal(size=E)
        table = truth[:, None] + seeds * rng.normal(size=S) + rng.normal(size=(E, S))
        shrunken = shrunken_means(table)
        ours += float(np.sum((values(shrunken) - truth) ** 2))
        plain += float(np.sum((table.mean(axis=1) - truth) ** 2))
        hits += np.mean([i.low <= t <= i.high for i, t in zip(shrunken, truth, strict=True)])
    return ours / plain, hits / studies


@pytest.mark.parametrize(("tau", "gain"), [(0.0, 0.5), (0.5, 0.8), (2.0, 1.0)])
def test_less_error_and_honest_limits(tau: float, gain: float):
    ratio, share = simulate(8, 4, tau, seeds=0.0, studies=200)
    assert ratio < gain
    assert share > 0.94


@pytest.mark.slow
@pytest.mark.parametrize("E", [4, 6, 14, 50])
@pytest.mark.parametrize("S", [3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("seeds", [0.0, 1.0])
def test_coverage_over_the_grid(E: int, S: int, tau: float, seeds: float):
    ratio, share = simulate(E, S, tau, seeds, studies=1000)
    assert ratio < 1.0
    # A seed's effect moves all environments of a study alike, so studies are the unit.
    assert share > 0.935 - 2.5 * math.sqrt(0.05 * 0.95 / 1000)
