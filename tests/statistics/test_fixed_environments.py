from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.fixed_environments import seed_difference

rng = np.random.default_rng(3)
A, B = rng.normal(0.3, 1, (6, 5)), rng.normal(0, 2, (6, 5))


def test_one_environment_with_independent_runs_is_welchs_test():
    found = seed_difference(A[:1], B[:1, :4])
    expected = stats.ttest_ind(A[0], B[0, :4], equal_var=False)
    limits = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    np.testing.assert_allclose([found.low, found.high], limits, rtol=1e-12)


def test_paired_seeds_are_the_paired_t_test_seed_difference():
    found = seed_difference(A, B, paired=True)
    expected = stats.ttest_rel(A.mean(0), B.mean(0))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_several_environments_add_their_variances():
    """Two environments, two runs each: everything by hand."""
    first, second = [[1.0, 3.0], [2.0, 2.0]], [[0.0, 2.0], [1.0, 5.0]]
    found = seed_difference(first, second)
    # Sample variances 2, 0 and 2, 8; over n = 2 runs and E^2 = 4: (1 + 0 + 1 + 4) / 4.
    variance, degrees = 1.5, 1.5**2 / (0.25**2 + 0.25**2 + 1.0**2)
    half = stats.t.ppf(0.975, degrees) * math.sqrt(variance)
    assert found.estimate == 0.0
    assert found.high == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_cover_nine_and_a_half_tenths_of_the_time(paired):
    """A main effect of seeds, present in both methods alike, must not break the paired interval."""
    rng, hits = np.random.default_rng(11), 0
    for _ in range(1000):
        shared = rng.normal(0, 2, 5) if paired else 0.0
        x, y = (rng.normal(size=(4, 5)) + shared for _ in range(2))
        hits += not seed_difference(x, y, paired=paired).excludes(0.0)
    assert 0.95 - 0.021 < hits / 1000 < 0.95 + 0.03


def test_what_cannot_be_known_has_no_limits_but_a_reason():
    single = seed_difference(A[:, :1], B[:, :1])
    assert math.isnan(single.low)
    assert "One run per cell" in single.note
    agreeing = seed_difference(np.ones((3, 4)), np.zeros((3, 4)))
    assert math.isnan(agreeing.p_value)
    assert "All runs of a cell agree" in agreeing.note


def test_scores_that_cannot_be_paired_are_refused():
    with pytest.raises(UsageError, match=r"\(6, 5\) and \(5, 5\)"):
        seed_difference(A, B[:5])
    with pytest.raises(UsageError, match="no environment in common"):
        seed_difference(np.where(np.arange(6)[:, None] < 3, A, np.nan),
                   np.where(np.arange(6)[:, None] < 3, np.nan, B))  # fmt: skip
