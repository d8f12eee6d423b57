"""What environments like these cost, against closed forms, simulation and its own limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.statistics import source_intervals
from gengap.statistics.cells import summarise
from gengap.statistics.source import cost_share, environments_needed, source_limits

SIZE = 40


def table(costs, seeds: int, noise: float, rng, common: float = 0.0):
    """Columns of a study with true costs ``(K,)``: its seeds test the same number of examples."""
    e, s, j = (axis.ravel() for axis in np.indices((len(costs), seeds, SIZE)))
    moved = common * rng.normal(size=seeds)
    values = np.asarray(costs)[e] + moved[s] + noise * rng.normal(size=len(e))
    return values, e, s, (e * seeds + s) * SIZE + j


@pytest.mark.parametrize("K", [3, 4])
def test_few_environments_have_students_limits_for_costs_that_share_the_others(K: int):
    costs = np.array([0.1, 0.3, 0.35, 0.2][:K])
    cells = summarise(*table(costs, 1, 0.0, np.random.default_rng(0)))
    half = stats.t.ppf(0.975, K - 1) * costs.std(ddof=1) * math.sqrt((K - 1) / (K - 2) / K)
    low, high = source_limits(cells, 0.95).mean
    assert (low, high) == pytest.approx((costs.mean() - half, costs.mean() + half))


def test_the_dependence_is_that_of_squared_residuals():
    """Their mean varies by (K - 1) / (K - 2) times what their sample variance says."""
    residuals = np.random.default_rng(1).normal(size=(40_000, 6))
    costs = (residuals - residuals.mean(axis=1, keepdims=True)) ** 2
    said = costs.var(axis=1, ddof=1).mean() / 6
    assert costs.mean(axis=1).var() / said == pytest.approx(5 / 4, rel=0.03)


def coverage(draw, K: int, studies: int, seeds: int = 3, common: float = 0.0) -> list[float]:
    """Share of studies whose intervals hold the mean cost, 1, and the cost of one more."""
    rng, hits = np.random.default_rng(2), np.zeros(2)
    for _ in range(studies):
        *costs, another = draw(rng, K + 1)
        mean, new = source_intervals(*table(costs, seeds, 1.0, rng, common))
        hits += mean.low <= 1 <= mean.high, new.low <= another <= new.high
    return list(hits / studies)


def test_skewed_costs_are_held_where_students_interval_misses():
    """Chi-square costs of one degree of freedom, by Student's interval of independent costs."""
    mean, new = coverage(lambda rng, n: rng.normal(size=n) ** 2, K=8, studies=300)
    costs = np.random.default_rng(2).normal(size=(20_000, 8)) ** 2
    half = stats.t.ppf(0.975, 7) * costs.std(axis=1, ddof=1) / math.sqrt(8)
    students = np.mean(np.abs(costs.mean(axis=1) - 1) <= half)
    assert students < 0.87
    assert mean > students + 0.02
    assert new > 0.91


def test_costs_alike_are_held_without_waste():
    mean, new = coverage(lambda rng, n: np.ones(n), K=8, studies=300)
    assert mean > 0.93
    assert new > 0.93


def test_what_seeds_do_to_all_environments_is_counted():
    """With a common effect four times the variance of all else in a mean, and three seeds."""
    mean, _ = coverage(lambda rng, n: np.ones(n), K=8, studies=300, seeds=5, common=0.12)
    assert mean > 0.88


def test_the_mean_lies_within_a_new_one_and_both_around_the_estimate():
    rng = np.random.default_rng(4)
    for K in (3, 5, 12):
        mean, new = source_intervals(*table(rng.exponential(size=K), 2, 1.0, rng))
        assert new.low <= mean.low < mean.estimate < mean.high <= new.high


def test_the_cost_of_a_model_that_learns_a_mean_falls_as_said():
    """Environments with means of variance 1: both models' losses, worked out with all and less."""
    rng = np.random.default_rng(5)
    means = rng.normal(size=(400_000, 6))

    def cost(n: int, N: int) -> float:
        unseen = (means[:, 0] - means[:, 1 : n + 1].mean(axis=1)) ** 2
        return float((unseen - (means[:, 0] - means[:, :N].mean(axis=1)) ** 2).mean())

    # Four of five, against five of five and a sixth unseen.
    assert cost_share([4] * 5, 5) == pytest.approx(cost(5, 6) / cost(4, 5), rel=0.02)
    assert cost_share([4] * 5, 5) == pytest.approx((1 / 5 + 1 / 6) / (1 / 4 + 1 / 5))


def test_environments_needed_by_hand():
    spread = 0.05 / (stats.t.ppf(0.975, 4) * math.sqrt(4 / 3 / 5))
    needed = environments_needed(0.03, 0.05, 5, most=100)
    halves = [
        stats.t.ppf(0.975, n - 1) * spread * math.sqrt((n - 1) / (n - 2) / n)
        for n in (needed - 1, needed)
    ]
    assert halves[0] >= 0.03 > halves[1]
    assert environments_needed(0.03, 0.02, 5, most=100) is None
    assert environments_needed(0.0001, 0.05, 5, most=100) is None
    assert environments_needed(0.03, math.nan, 2, most=100) is None
