"""The three intervals against hand-worked tables, scipy's special cases, and degenerate input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.statistics import environment_intervals, mean_interval, source_intervals
from gengap.statistics.gap import FEW_ENVIRONMENTS
from gengap.statistics.prediction import prediction_interval
from gengap.statistics.variance import NO_WIDTH, ONE_EXAMPLE, ONE_SEED

INTERVALS = (
    mean_interval,
    lambda *table, **options: source_intervals(*table, **options)[0],
    lambda *table, **options: source_intervals(*table, **options)[1],
)
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def table(cells: list[list[list[float]]]):
    """Columns from nested lists ``[environment][seed][entry]``, every example scored once."""
    rows = [
        (value, e, s)
        for e, seeds in enumerate(cells)
        for s, entries in enumerate(seeds)
        for value in entries
    ]
    values, e, s = (np.array(column) for column in zip(*rows, strict=True))
    return values, e, s, np.arange(len(rows))


def limits(interval) -> tuple[float, float]:
    return interval.low, interval.high


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_one_seed_one_environment_is_the_paired_t_interval(rng):
    unseen, reference = rng.normal(size=40), rng.normal(0.3, size=40)
    ours = mean_interval(reference - unseen, np.zeros(40, int), np.zeros(40, int), np.arange(40))
    theirs = stats.ttest_rel(reference, unseen).confidence_interval(0.95)
    assert limits(ours) == pytest.approx(tuple(theirs))
    assert ours.note == ONE_SEED


def test_environments_alike_in_noise_each_have_their_paired_t_interval(rng):
    base = rng.normal(size=25)
    values = np.concatenate([base + shift for shift in (0.0, 0.5, -1.0)])
    intervals = environment_intervals(
        values, np.repeat([4, 7, 9], 25), np.zeros(75, int), np.arange(75)
    )
    assert list(intervals) == [4, 7, 9]
    for code, shift in ((4, 0.0), (7, 0.5), (9, -1.0)):
        theirs = stats.ttest_1samp(base + shift, 0).confidence_interval(0.95)
        assert limits(intervals[code]) == pytest.approx(tuple(theirs))


def test_the_mean_of_two_environments_is_half_of_welchs_interval(rng):
    a, b = rng.normal(0.2, 1, 12), rng.normal(0.1, 3, 30)
    environment = np.repeat([0, 1], [12, 30])
    ours = mean_interval(np.r_[a, b], environment, np.zeros(42, int), np.arange(42))
    # Welch's interval of a - (-b) is that of a + b.
    theirs = stats.ttest_ind(a, -b, equal_var=False).confidence_interval(0.95)
    assert limits(ours) == pytest.approx((theirs.low / 2, theirs.high / 2))


def test_environments_weigh_equally_however_large():
    values = np.r_[np.full(2, 1.0), np.full(98, 0.0)]
    interval = mean_interval(values, np.repeat([0, 1], [2, 98]), np.zeros(100, int), np.arange(100))
    assert interval.estimate == pytest.approx(0.5)


def test_noiseless_examples_leave_the_t_interval_over_seeds():
    # Two examples per cell, equal, so that only seeds vary: overall means 0.1, 0.4, 0.7.
    means = [[0.0, 0.3, 0.6], [0.2, 0.5, 0.8]]
    interval = mean_interval(*table([[[m, m] for m in row] for row in means]))
    theirs = stats.ttest_1samp([0.1, 0.4, 0.7], 0).confidence_interval(0.95)
    assert limits(interval) == pytest.approx(tuple(theirs))
    assert interval.note == ""


def test_noiseless_examples_one_environment_is_pooled_over_environments_by_hand():
    # Deviations over seeds: environment 0 (-d, 0, d), environment 1 (d, 0, -d): pure interaction.
    d = 0.25
    cells = [[[1 - d] * 2, [1.0] * 2, [1 + d] * 2], [[d] * 2, [0.0] * 2, [-d] * 2]]
    intervals = environment_intervals(*table(cells))
    # Variance over seeds d^2 in both, of which 0 is main effect; (K - 1) (S - 1) = 2 degrees.
    half = stats.t.ppf(0.975, 2) * d / math.sqrt(3)
    assert limits(intervals[0]) == pytest.approx((1 - half, 1 + half))
    assert limits(intervals[1]) == pytest.approx((-half, half))
    assert mean_interval(*table(cells)).half_width == 0


def test_training_noise_below_example_noise_adds_nothing_by_hand():
    # Cell means 0.5 in every cell: nothing differs between seeds.
    cells = [[[0.0, 1.0]] * 3] * 2
    interval = mean_interval(*table(cells))
    # Example variance 0.5; 6 examples per environment, 3 degrees of freedom each.
    half = stats.t.ppf(0.975, 6) * math.sqrt(2 * 0.5 / 6 / 4)
    assert interval.half_width == pytest.approx(half)


def test_prediction_without_measurement_noise_is_students():
    costs = np.array([0.01, 0.03, -0.02, 0.05, 0.0, 0.02])
    interval = prediction_interval(costs, 0.0, 0.0, math.inf)
    half = stats.t.ppf(0.975, 5) * costs.std(ddof=1) * math.sqrt(1 + 1 / 6)
    assert interval.half_width == pytest.approx(half, rel=1e-3)


@pytest.mark.parametrize("degrees", [2.0, 7.5, math.inf])
def test_prediction_without_spread_is_the_interval_of_the_mean(degrees: float):
    interval = prediction_interval(np.full(6, 0.02), 0.001, 0.0004, degrees)
    assert interval.half_width == pytest.approx(0.02 * stats.t.ppf(0.975, degrees), rel=1e-3)


def test_prediction_against_monte_carlo():
    rng = np.random.default_rng(0)
    costs = np.array([0.01, 0.03, -0.02, 0.05, 0.0, 0.02])
    m, V, f, n = 3e-4, 1e-4, 4, 400_000
    spread = costs.var(ddof=1) * 5 / rng.chisquare(5, n)
    D = 7 / 6 * np.maximum(spread - 0.9 * m, 0) + V * f / rng.chisquare(f, n)
    expected = np.quantile(np.abs(rng.normal(size=n)) * np.sqrt(D), 0.9)
    interval = prediction_interval(costs, m, V, f, level=0.9)
    assert interval.half_width == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("K", [3, 6, 14])
def test_coverage_of_the_prediction_by_quadrature(K: int):
    """Measurement variance 1 per environment, spread tau^2: integrate over s^2."""
    u = (np.arange(200) + 0.5) / 200
    direction = np.arange(K) - (K - 1) / 2
    direction /= direction.std(ddof=1)
    for tau2 in (0.5, 1, 2, 5, 50):
        s = np.sqrt((tau2 + 1) * stats.chi2.ppf(u, K - 1) / (K - 1))
        half = [prediction_interval(x * direction, 1.0, 1 / K, math.inf).half_width for x in s]
        error = math.sqrt(tau2 + (tau2 + 1) / K)
        assert 0.943 < np.mean(2 * stats.norm.cdf(np.array(half) / error) - 1) < 0.98, tau2


def test_others_like_these_need_three():
    for interval in source_intervals(*table([[[0.0, 1.0], [1.0, 2.0]]] * 2)):
        assert interval.estimate == pytest.approx(1.0)
        assert math.isnan(interval.low)
        assert interval.note == FEW_ENVIRONMENTS


def test_zero_differences_have_no_width_and_say_so():
    columns = table([[[0.0] * 4] * 3] * 4)
    found = [mean_interval(*columns), *source_intervals(*columns)]
    for interval in found + list(environment_intervals(*columns).values()):
        assert limits(interval) == (0, 0)
        assert interval.note == NO_WIDTH


def test_one_example_and_one_seed_give_no_interval_and_say_so():
    columns = table([[[0.1]], [[0.2]], [[0.4]]])
    found = [mean_interval(*columns), *source_intervals(*columns)]
    for interval in found + list(environment_intervals(*columns).values()):
        assert math.isnan(interval.low)
        assert interval.note == ONE_EXAMPLE
    assert found[0].estimate == pytest.approx(0.7 / 3)


def test_single_entries_per_cell_leave_the_t_interval_over_seeds():
    interval = mean_interval(*table([[[0.1], [0.4], [0.7]]]))
    theirs = stats.ttest_1samp([0.1, 0.4, 0.7], 0).confidence_interval(0.95)
    assert limits(interval) == pytest.approx(tuple(theirs))


def test_an_environment_of_one_example_borrows_and_stays_finite():
    columns = table([[[0.0, 1.0, 0.0]], [[1.0]], [[0.0, 0.0, 1.0]]])
    intervals = environment_intervals(*columns)
    assert all(i.defined and i.half_width > 0 for i in intervals.values())
    assert intervals[1].half_width > intervals[0].half_width


def test_an_environment_without_disagreements_is_not_certain():
    columns = table([[[0.0] * 26], [[1.0] + [0.0] * 25], [[-1.0] + [0.0] * 25]])
    assert 0.01 < environment_intervals(*columns)[0].half_width < 0.2


def test_missing_cells_and_unequal_sizes_stay_finite(rng):
    columns = table(
        [
            [rng.normal(size=n).tolist() for n in (5, 8, 3)],
            [rng.normal(size=4).tolist()],
            [rng.normal(size=n).tolist() for n in (1, 6)],
        ]
    )
    found = [mean_interval(*columns), *source_intervals(*columns)]
    found += environment_intervals(*columns).values()
    assert all(np.isfinite([i.estimate, i.low, i.high]).all() for i in found)


def test_the_level_widens_and_repeats_exactly(rng):
    columns = table(rng.normal(size=(4, 3, 6)).tolist())
    for function in INTERVALS:
        assert function(*columns, level=0.99).half_width > function(*columns).half_width
        assert function(*columns) == function(*columns)


def test_scaling_the_differences_scales_the_intervals(rng):
    values, *rest = table(rng.normal(size=(4, 3, 6)).tolist())
    for function in INTERVALS:
        small, large = function(values, *rest), function(1000 * values, *rest)
        assert large.half_width == pytest.approx(1000 * small.half_width, rel=1e-6)
