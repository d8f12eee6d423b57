"""Adjusted p-values: by hand, against statsmodels, and the error rates they promise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from gengap.base.errors import UsageError
from gengap.statistics.multiple import holm
from gengap.statistics.paired import permutation_test, t_test, wilcoxon_test


@pytest.mark.parametrize("digits", [1, 8])
def test_equals_statsmodels(digits: int):
    p = np.round(np.random.default_rng(digits).uniform(0, 0.6, size=25), digits)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04; times 4, 3, 2, 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_was_not_tested_costs_the_others_nothing():
    with_gap, without = holm([0.02, math.nan, 0.3, 0.9]), holm([0.02, 0.3, 0.9])
    assert math.isnan(with_gap[1])
    assert with_gap[[0, 2, 3]] == pytest.approx(without)
    assert holm([]).shape == (0,)
    assert np.isnan(holm([math.nan])).all()


@pytest.mark.parametrize("wrong", [[1.2], [-0.1, 0.5], [[0.1, 0.2]], 0.3])
def test_bad_input(wrong: object):
    with pytest.raises(UsageError, match="between 0 and 1"):
        holm(wrong)


@pytest.mark.slow
def test_error_rates():
    """Sixteen correlated tests, twelve of true nulls: any false verdict."""
    rng = np.random.default_rng(0)
    studies, nulls = 4_000, 12
    shift = np.r_[np.zeros(nulls), np.full(4, 3.0)]
    z = rng.normal(size=(studies, 16)) + rng.normal(size=(studies, 1)) + math.sqrt(2) * shift
    p = 2 * stats.norm.sf(np.abs(z) / math.sqrt(2))
    three_errors = 3 * math.sqrt(0.05 * 0.95 / studies)
    any_false = np.mean([(holm(row) <= 0.05)[:nulls].any() for row in p])
    assert 0.01 < any_false < 0.05 + three_errors


@pytest.mark.slow
@pytest.mark.parametrize("test", [permutation_test, wilcoxon_test, t_test])
def test_family_wise_error_over_methods_with_one_baseline(test: Callable):
    """Five methods as good as plain training on 10 environments: few studies say otherwise."""
    rng = np.random.default_rng(0)
    studies = rng.normal(size=(1_000, 6, 10))
    false = [
        (holm([test(method - study[0]).p_value for method in study[1:]]) <= 0.05).any()
        for study in studies
    ]
    assert 0.01 < np.mean(false) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000)
