"""Adding training noise to example noise, and the measurement noise of the estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.statistics.cells import summarise
from gengap.statistics.variance import (
    INTERVAL_POWERS,
    TEST_POWERS,
    Between,
    add_training,
    mean_variance,
    measurement_variance,
    pooled_between_seeds,
)


@pytest.mark.parametrize(
    ("powers", "level", "seeds", "low", "high"),
    [
        *((INTERVAL_POWERS, 0.95, seeds, 0.935, 0.98) for seeds in (2, 3, 4, 9, 40)),
        (INTERVAL_POWERS, 0.95, 1, 0.915, 0.99),
        (TEST_POWERS, 0.95, 1, 0.94, 1),
        (TEST_POWERS, 0.95, 2, 0.949, 1),
        (TEST_POWERS, 0.99, 2, 0.983, 1),
        (TEST_POWERS, 0.99, 4, 0.989, 1),
    ],
)
def test_coverage_of_the_combination_by_quadrature(powers, level, seeds, low, high):
    """Known example noise 1, training noise r: integrate over the chi-square of M."""
    u = (np.arange(400) + 0.5) / 400
    chi = stats.chi2.ppf(u, seeds) / seeds
    for r in (0, 0.1, 0.3, 1, 2, 4, 8, 16, 100):
        squares = [Between((1 + r) * x, 1.0, seeds) for x in chi]
        parts = [add_training(1.0, math.inf, 1.0, square, powers) for square in squares]
        variance, degrees = np.array(parts).T
        half = stats.t.ppf((1 + level) / 2, degrees) * np.sqrt(variance)
        coverage = np.mean(2 * stats.norm.cdf(half / math.sqrt(1 + r)) - 1)
        assert low < coverage < high, r


def test_measurement_variance_is_the_interaction_mean_square_of_the_two_way_table():
    rng = np.random.default_rng(2)
    # Disjoint test parts of equal size: example noise cancels and the two-way table remains.
    cells = rng.normal(size=(5, 4, 6))
    index = [*(axis.ravel() for axis in np.indices(cells.shape)[:2]), np.arange(120)]
    means = cells.mean(axis=2)
    centred = means - means.mean(0) - means.mean(1)[:, None] + means.mean()
    square = np.sum(centred**2) / (4 * 3)
    assert measurement_variance(summarise(cells.ravel(), *index)) == pytest.approx(square / 4)


def test_between_seeds_by_hand():
    # Cell means: environment 0 has 1, 3, environment 1 has 2, 8, single entries.
    cells = summarise([1.0, 3.0, 2.0, 8.0], [0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 2, 3])
    pooled = pooled_between_seeds(cells)
    # Variances 2 and 18, mean 10; main effect Var(1.5, 5.5) = 8 on 1 degree, the other 2 on 1.
    assert pooled.square == pytest.approx(10)
    assert pooled.degrees == pytest.approx(100 / (64 + 4))
    variance, degrees = mean_variance(cells)
    assert variance == pytest.approx(8 / 2)
    assert degrees == pytest.approx(1)


def test_nothing_known_is_nan():
    variance, degrees = mean_variance(summarise([0.1, 0.3], [0, 1], [0, 0], [0, 1]))
    assert math.isnan(variance)
    assert degrees == 0
