"""Whole studies on fresh data sets, against closed forms: do the intervals hold the true cost?

The truths are those of unlimited examples. Least squares comes so close to them at 100 examples per
environment that the mean estimate over 200 data sets is within a fifth of a standard deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

import gengap as gg
from gengap.environments.suites import suite_info
from gengap.statistics import environment_intervals

CASES: dict[str, tuple[str, dict[str, Any], BaseEstimator, str]] = {
    "concept": ("concept-shift", {}, LinearRegression(), "squared_error"),
    "regression": ("linear-shift", {"task": "regression"}, LinearRegression(), "squared_error"),
    "classes": ("linear-shift", {}, LinearDiscriminantAnalysis(), "accuracy"),
    "covariate": ("covariate-shift", {"curvature": 0.3}, LinearRegression(), "squared_error"),
}


def study(case: str, n: int, seeds: int, draw: int):
    """One study of a fresh data set and the true costs of its environments."""
    name, options, estimator, metric = CASES[case]
    environments = gg.load_suite(name, n=n, seed=draw, **options)
    result = gg.Study(
        environments, [estimator], seeds=seeds, metric=metric, plain_training=False, jobs=1
    ).run()
    truths = [suite_info(name).truth(e, **options).cost_of_unseen for e in environments.names]
    return result, np.array(truths)


def coverage(case: str, n: int, seeds: int, studies: int) -> tuple[np.ndarray, float]:
    """Share of data sets whose intervals hold the truth, per environment and overall."""
    each, overall = [], []
    for draw in range(studies):
        result, truths = study(case, n, seeds, draw)
        gaps, method = result.gaps, result.methods.iloc[0]
        each.append((gaps.cost_low <= truths) & (truths <= gaps.cost_high))
        overall.append(method.cost_low <= truths.mean() <= method.cost_high)
    return np.mean(each, axis=0), float(np.mean(overall))


@pytest.fixture(scope="module")
def fresh():
    """Twelve studies of fresh data sets under concept shift, and the true costs."""
    return [study("concept", 100, 5, draw) for draw in range(12)]


def test_fresh_data_sets_under_concept_shift(fresh):
    """In the long run 98% per environment and overall."""
    each = [(r.gaps.cost_low <= t) & (t <= r.gaps.cost_high) for r, t in fresh]
    assert np.mean(each) >= 0.92
    overall = [r.methods.cost_low[0] <= t.mean() <= r.methods.cost_high[0] for r, t in fresh]
    assert np.mean(overall) >= 0.85


def test_the_spread_of_test_scores_would_claim_too_much(fresh):
    """In the long run 82% per environment: seeds test on what other seeds train on."""
    hits = []
    for result, truths in fresh:
        (p,) = result.paired.values()
        columns = p.unseen - p.reference, p.environment, p.seed, p.example
        intervals = environment_intervals(*columns).values()
        hits += [i.low <= t <= i.high for i, t in zip(intervals, truths, strict=True)]
    assert np.mean(hits) < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("n", [100, 500])
@pytest.mark.parametrize("case", CASES)
def test_fresh_data_sets(case: str, n: int, seeds: int):
    each, overall = coverage(case, n, seeds, studies=100)
    # Two standard errors below 92%; single environments with skewed costs reach 90%.
    assert each.mean() >= 0.92
    assert each.min() >= 0.84
    assert overall >= 0.87
