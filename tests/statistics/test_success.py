"""Success rates against scipy and statsmodels, and how often their limits hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics import success_difference, success_rate


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 10), (10, 10), (49, 50)])
def test_limits_are_wilsons(k, n):
    scores = np.r_[np.ones(k), np.zeros(n - k)]
    found = success_rate(scores, 0.5, level=0.9)
    wanted = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    assert found.estimate == k / n
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_differences_are_newcombes():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    first, second = np.r_[np.ones(9), np.zeros(1)], np.r_[np.ones(4), np.zeros(11)]
    found = success_difference(first, second, 0.5)
    wanted = proportion.confint_proportions_2indep(9, 10, 4, 15, method="newcomb")
    assert found.estimate == pytest.approx(9 / 10 - 4 / 15)
    assert (found.low, found.high) == pytest.approx(wanted)


@pytest.mark.parametrize("n", [10, 20, 50])
def test_limits_hold_the_truth_on_average_over_rates(n):
    # Exact coverage, from the binomial: at single rates it waves about the level.
    limits = [success_rate(np.arange(n) < k, 0.5) for k in range(n + 1)]
    rates = np.linspace(0.05, 0.95, 91)
    held = [[own.low <= p <= own.high for own in limits] for p in rates]
    chance = stats.binom.pmf(np.arange(n + 1), n, rates[:, None])
    coverage = (chance * held).sum(1)
    assert 0.94 < coverage.mean() < 0.97
    assert coverage.min() > 0.85


def test_an_infinite_error_is_a_failure_and_a_missing_one_no_answer():
    assert success_rate([-np.inf, 1.0], 0.5).estimate == 0.5
    with pytest.raises(UsageError):
        success_rate([np.nan, 1.0])
    with pytest.raises(UsageError):
        success_rate([])
