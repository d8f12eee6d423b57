"""AUROC, AUPR and FPR against scikit-learn, pair counting, DeLong's formula and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from gengap.base.errors import UsageError
from gengap.statistics.separation.delong import (
    auroc_covariance,
    auroc_interval,
    mean_auroc_interval,
)
from gengap.statistics.separation.intervals import resampled, separation_intervals
from gengap.statistics.separation.metrics import Sorted, auroc, separation

RNG = np.random.default_rng(0)


def _scores(n: int = 40, m: int = 30, tied: bool = False) -> tuple[np.ndarray, np.ndarray]:
    x, y = RNG.normal(size=n), RNG.normal(0.8, 1.3, size=m)
    return (x.round(), y.round()) if tied else (x, y)


@pytest.mark.parametrize("tied", [False, True])
def test_all_metrics_agree_with_scikit_learn(tied: bool) -> None:
    x, y = _scores(tied=tied)
    label, score = np.r_[np.zeros(len(x)), np.ones(len(y))], np.r_[x, y]
    found = separation(x, y)
    assert found.auroc == pytest.approx(roc_auc_score(label, score))
    assert found.auroc == pytest.approx(stats.mannwhitneyu(y, x).statistic / (len(x) * len(y)))
    assert found.aupr_out == pytest.approx(average_precision_score(label, score))
    assert found.aupr_in == pytest.approx(average_precision_score(1 - label, -score))
    assert auroc(x, y) == pytest.approx(found.auroc)


def test_fpr_by_hand() -> None:
    # 19 of 20 inliers lie at or below 19, so what scores at most 19 is accepted: 2 of 4 strangers.
    assert separation(np.arange(1, 21), [3.0, 19.0, 19.5, 30.0]).fpr == 0.5
    # With ties at the threshold all of them are accepted.
    assert separation([1, 1, 2, 2], [2, 3], recall=0.5).fpr == 0.0
    assert separation([1, 1, 2, 2], [2, 3], recall=0.75).fpr == 0.5


def test_detectors_side_by_side_are_as_one_by_one() -> None:
    x, y = RNG.normal(size=(3, 20)).round(1), RNG.normal(0.5, 1, size=(3, 15)).round(1)
    together = separation(x, y)
    for d in range(3):
        for many, one in zip(together, separation(x[d], y[d]), strict=True):
            assert many[d] == pytest.approx(one)
    np.testing.assert_allclose(auroc(x, y), together.auroc)


def test_delong_covariance_from_its_definition() -> None:
    x, y = RNG.normal(size=(2, 12)).round(1), RNG.normal(0.5, 1, size=(2, 9)).round(1)
    pairs = (y[:, None, :] > x[:, :, None]) + 0.5 * (y[:, None, :] == x[:, :, None])
    expected = np.cov(pairs.mean(2)) / 12 + np.cov(pairs.mean(1)) / 9
    np.testing.assert_allclose(auroc_covariance(x, y), expected)


def test_delong_limits_agree_with_the_bootstrap() -> None:
    x, y = np.random.default_rng(1).normal(size=400), np.random.default_rng(2).normal(1, 1, 300)
    rng = np.random.default_rng(3)
    drawn = [auroc(rng.choice(x, 400), rng.choice(y, 300)) for _ in range(1000)]
    limits = auroc_interval(x, y)
    assert (limits.low, limits.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)


def test_delong_limits_cover() -> None:
    rng, truth, hits = np.random.default_rng(4), stats.norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(400):
        limits = auroc_interval(rng.normal(size=40), rng.normal(1, 1, 40))
        hits += limits.low <= truth <= limits.high
    assert 0.92 <= hits / 400 <= 0.98


def test_perfect_separation_has_the_exact_binomial_limit() -> None:
    limits = auroc_interval([0.0, 1.0, 2.0], [3.0, 4.0, 5.0, 6.0])
    assert (limits.estimate, limits.high) == (1.0, 1.0)
    # Three disjoint pairs in order have chance 2.5% where one has 0.025 ** (1 / 3).
    assert limits.low**3 == pytest.approx(0.025)
    reverse = auroc_interval([3.0, 4.0, 5.0, 6.0], [0.0, 1.0, 2.0])
    assert (reverse.low, reverse.high) == pytest.approx((0.0, 1 - limits.low))


def test_the_mean_over_equal_runs_is_as_sure_as_one() -> None:
    x, y = _scores()
    single, mean = auroc_interval(x, y), mean_auroc_interval([(x, y)] * 5)
    assert (mean.low, mean.high) == pytest.approx((single.low, single.high))


def test_bootstrap_limits_enclose_the_estimate_and_do_not_change() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=300), rng.normal(0.5, 1.4, size=300)
    found = separation_intervals(x, y, replicates=300)
    assert found == separation_intervals(x, y, replicates=300)
    for interval in (found.aupr_out, found.aupr_in, found.fpr):
        assert interval.low < interval.estimate < interval.high
    few = separation_intervals(x[:60], y[:60], replicates=300)
    assert few.fpr.half_width > 1.5 * found.fpr.half_width


def test_bootstrap_of_examples_agrees_with_delong() -> None:
    x, y = np.random.default_rng(6).normal(size=200), np.random.default_rng(7).normal(1, 1, 200)
    drawn = np.quantile(resampled(Sorted.of(x, y), 2000, 0).auroc, [0.025, 0.975])
    exact = auroc_interval(x, y)
    assert drawn == pytest.approx((exact.low, exact.high), abs=0.008)


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="no scores of strangers"):
        separation([1.0], [])
    with pytest.raises(UsageError, match="inliers are NaN"):
        auroc([np.nan], [1.0])
    with pytest.raises(UsageError, match="Scores must be"):
        auroc(np.zeros((2, 3)), np.zeros((3, 3)))
    assert "limits" in auroc_interval([1.0], [2.0, 3.0]).note
