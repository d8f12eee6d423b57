"""Slopes with clusters as units: against statsmodels, and how often their limits hold."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.trend import ranks, slope, slope_over_seeds


def test_the_slope_is_that_of_least_squares():
    rng = generator(0, "slope")
    x, cluster = rng.normal(size=80), np.repeat(np.arange(8), 10)
    y = 2 * x + rng.normal(size=80)
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    assert slope(y, x, cluster).estimate == pytest.approx(fit.params[1])


def test_with_rows_as_clusters_the_variance_is_the_jackknife_of_statsmodels():
    rng = generator(1, "slope")
    x = rng.normal(size=60)
    y = x + rng.normal(size=60) * (1 + np.abs(x))
    found = slope(y, x, np.arange(60))
    fit = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3")
    t = stats.t.ppf(0.975, found.units - 1)
    assert found.half_width == pytest.approx(t * fit.bse[1] * np.sqrt(59 / 60), rel=1e-6)


def test_limits_hold_where_environments_have_effects_of_their_own():
    covered = []
    for number in range(300):
        rng = generator(number, "coverage of slopes")
        environment = np.repeat(np.arange(12), 20)
        x = rng.normal(size=12)[environment]
        y = 0.5 * rng.normal(size=12)[environment] + rng.normal(size=240)
        covered.append(not slope(y, ranks(x), environment).excludes(0))
    assert 0.92 <= np.mean(covered) <= 0.99


def test_one_cluster_that_decides_has_no_limits():
    x = np.repeat([0.0, 0.1, 0.2, 0.3, 9.0], 6)
    found = slope(np.arange(30.0), x, np.repeat(np.arange(5), 6))
    assert not found.defined
    assert np.isnan(slope(np.arange(30.0), np.ones(30), np.arange(30)).estimate)


def test_over_seeds_it_is_students_interval_of_their_slopes():
    rng = generator(2, "slope")
    x, seed = rng.normal(size=90), np.repeat([0, 1, 2], 30)
    y = x + rng.normal(size=90)
    own = [np.polyfit(x[seed == s], y[seed == s], 1)[0] for s in range(3)]
    found = slope_over_seeds(y, x, seed)
    assert found.estimate == pytest.approx(np.mean(own))
    assert found.p_value == pytest.approx(stats.ttest_1samp(own, 0).pvalue)


def test_ranks_of_ties_are_their_middle():
    np.testing.assert_allclose(ranks(np.array([3.0, 1.0, 3.0, 9.0])), [0.5, 0.125, 0.5, 0.875])
