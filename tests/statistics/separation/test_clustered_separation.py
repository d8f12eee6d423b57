"""Thresholds and areas where examples come in clusters of ten that are alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gengap.base.errors import UsageError
from gengap.statistics.separation.delong import (
    auroc_covariance,
    auroc_interval,
    clustered_variance,
    mean_auroc_interval,
)
from gengap.statistics.separation.unit_tests import threshold

EACH = 10


def alike(rng: np.random.Generator, clusters: int, mean: float = 0.0) -> np.ndarray:
    """Scores of variance 1, nine tenths of it shared within a cluster."""
    shared = np.sqrt(0.9) * rng.standard_normal((clusters, 1))
    return mean + (shared + np.sqrt(0.1) * rng.standard_normal((clusters, EACH))).ravel()


def codes(clusters: int, start: int = 0) -> np.ndarray:
    return start + np.repeat(np.arange(clusters), EACH)


def test_a_threshold_by_hand():
    """Of four clusters at 40%: 0.4 x 5 - 1 = 1 cluster may lie above, in shares of halves."""
    scores = np.array([9.0, 8.0, 7.0, 1.0, 6.0, 2.0, 3.0, 4.0])
    cluster = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    assert threshold(scores, 0.4, cluster) == 7.0
    assert threshold(scores, 0.4, np.array([0, 0, 0, 0, 1, 2, 3, 3])) == 6.0
    assert threshold(scores, 0.1, cluster) == np.inf


def test_clusters_of_one_are_no_clusters():
    rng = np.random.default_rng(0)
    for n in (18, 19, 20, 57, 100):
        scores = rng.integers(0, 30, n)
        assert threshold(scores, 0.05, rng.permutation(n)) == threshold(scores, 0.05)


def test_false_alarms_hold_with_clusters_of_ten():
    rng, rates = np.random.default_rng(1), []
    for _ in range(1000):
        known = alike(rng, 25)
        new = alike(rng, 4)
        limits = threshold(known, 0.05, codes(25)), threshold(known, 0.05)
        rates.append([np.mean(new > limit) for limit in limits])
    mean, error = np.mean(rates, 0), np.std(rates, 0) / np.sqrt(len(rates))
    assert mean[0] <= 0.05 + 3 * error[0]
    assert 0.02 < mean[0] < mean[1]  # of rows taken as independent


def test_the_variance_of_clusters_of_one_is_delongs():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal(300), 1 + rng.standard_normal(200)
    found = clustered_variance(x, y, (np.arange(300), 300 + np.arange(200)))
    assert found == pytest.approx(float(auroc_covariance(x, y)[0, 0]), rel=0.01)


def test_copies_change_nothing():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal(30), 1 + rng.standard_normal(40)
    once = clustered_variance(x, y, (np.arange(30), 30 + np.arange(40)))
    copied = clustered_variance(
        np.repeat(x, EACH), np.repeat(y, EACH), (codes(30), codes(40, start=30))
    )
    assert copied == pytest.approx(once)


def test_limits_of_areas_hold_with_clusters_of_ten():
    rng, true = np.random.default_rng(4), norm.cdf(1 / np.sqrt(2))
    inside = []
    for _ in range(300):
        x, y = alike(rng, 25), alike(rng, 25, 1.0)
        found = mean_auroc_interval([(x, y)], clusters=[(codes(25), codes(25, start=25))])
        plain = auroc_interval(x, y)
        inside.append([limits.low <= true <= limits.high for limits in (found, plain)])
    covered = np.mean(inside, 0)
    assert covered[0] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 300)
    assert covered[1] < 0.75


def test_one_cluster_has_no_variance():
    with pytest.raises(UsageError, match="needs examples of 2 clusters"):
        clustered_variance([0.0, 1.0], [0.5, 2.0], (np.zeros(2), np.zeros(2)))
