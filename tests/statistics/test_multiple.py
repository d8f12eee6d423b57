"""Adjusted p-values: by hand, against statsmodels, and the error rates they promise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from gengap.base.errors import UsageError
from gengap.statistics.multiple import benjamini_hochberg, benjamini_yekutieli, holm
from gengap.statistics.paired import permutation_test, t_test, wilcoxon_test

METHODS = {"holm": holm, "fdr_bh": benjamini_hochberg, "fdr_by": benjamini_yekutieli}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("digits", [1, 8])
def test_equals_statsmodels(name: str, digits: int):
    p = np.round(np.random.default_rng(digits).uniform(0, 0.6, size=25), digits)
    assert METHODS[name](p) == pytest.approx(multipletests(p, method=name)[1])


def test_by_hand():
    p = [0.01, 0.04, 0.03, 0.005]
    # Sorted 0.005, 0.01, 0.03, 0.04; Holm times 4, 3, 2, 1; the others times 4/1, 4/2, 4/3, 4/4.
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    assert benjamini_yekutieli(p) == pytest.approx(
        [0.02 * harmonic, 0.04 * harmonic, 0.04 * harmonic, 0.02 * harmonic]
    )


@pytest.mark.parametrize("adjust", METHODS.values())
def test_what_was_not_tested_costs_the_others_nothing(adjust: Callable):
    with_gap, without = adjust([0.02, math.nan, 0.3, 0.9]), adjust([0.02, 0.3, 0.9])
    assert math.isnan(with_gap[1])
    assert with_gap[[0, 2, 3]] == pytest.approx(without)
    assert adjust([]).shape == (0,)
    assert np.isnan(adjust([math.nan])).all()


@pytest.mark.parametrize("adjust", METHODS.values())
@pytest.mark.parametrize("wrong", [[1.2], [-0.1, 0.5], [[0.1, 0.2]], 0.3])
def test_bad_input(adjust: Callable, wrong: object):
    with pytest.raises(UsageError, match="between 0 and 1"):
        adjust(wrong)


@pytest.mark.slow
def test_error_rates():
    """Sixteen correlated tests, twelve of true nulls: any false verdict, and the share of such."""
    rng = np.random.default_rng(0)
    studies, nulls = 4_000, 12
    shift = np.r_[np.zeros(nulls), np.full(4, 3.0)]
    z = rng.normal(size=(studies, 16)) + rng.normal(size=(studies, 1)) + math.sqrt(2) * shift
    p = 2 * stats.norm.sf(np.abs(z) / math.sqrt(2))
    three_errors = 3 * math.sqrt(0.05 * 0.95 / studies)
    any_false = np.mean([(holm(row) <= 0.05)[:nulls].any() for row in p])
    assert 0.01 < any_false < 0.05 + three_errors
    found = np.array([benjamini_hochberg(row) <= 0.05 for row in p])
    share = np.mean(found[:, :nulls].sum(axis=1) / np.maximum(found.sum(axis=1), 1))
    assert 0.01 < share < 0.05 + three_errors
    assert found[:, nulls:].mean() > np.mean([(holm(row) <= 0.05)[nulls:].mean() for row in p])


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
