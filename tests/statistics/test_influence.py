"""Metrics as numbers for each example: their means against scikit-learn's values, their spread
against derivatives that the code did not take and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from gengap.statistics.influence import (
    auroc_values,
    average_precision_values,
    calibration_values,
    concordance_values,
    f1_values,
    jackknife_values,
    kappa_values,
    mean_over_classes,
    ratio_values,
    recall_values,
    root_values,
)
from gengap.statistics.separation.delong import auroc_covariance


@pytest.fixture
def drawn():
    rng = np.random.default_rng(3)
    positive = rng.random(60) < 0.3
    score = np.round(rng.normal(size=60) + positive, 1)  # with ties
    return positive, score


def derivatives(metric, n, step=1e-5):
    """``n dT/dw_i`` by central differences of a metric that takes weights."""
    found = np.empty(n)
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i] += step
        down[i] -= step
        found[i] = n * (metric(up) - metric(down)) / (2 * step)
    return found


def test_auroc_is_scikit_learns_and_its_variance_delongs(drawn):
    positive, score = drawn
    values = auroc_values(positive, score)
    assert values.mean() == pytest.approx(metrics.roc_auc_score(positive, score), abs=1e-12)
    expected = auroc_covariance(score[~positive], score[positive])[0, 0]
    assert values.var(ddof=1) / len(values) == pytest.approx(expected, rel=1e-12)


def test_auroc_by_hand():
    # Positives at 3 and 1, negatives at 2 and 0: three of four pairs in order.
    values = auroc_values(np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 0.0]))
    scale = np.sqrt(2 * 3 / 4)
    np.testing.assert_allclose(values, 0.75 + scale * 2 * np.array([0.25, -0.25, -0.25, 0.25]))


def test_average_precision_is_scikit_learns_with_its_derivatives(drawn):
    positive, score = drawn

    def metric(weights):
        return metrics.average_precision_score(positive, score, sample_weight=weights)

    values = average_precision_values(positive, score)
    assert values.mean() == pytest.approx(metric(np.ones(60)), abs=1e-12)
    np.testing.assert_allclose(values - values.mean(), derivatives(metric, 60), atol=1e-6)


def test_f1_and_recall_are_scikit_learns_with_their_derivatives(drawn):
    positive, score = drawn
    answer = score > 0.3
    for values, metric in (
        (f1_values, metrics.f1_score),
        (recall_values, metrics.balanced_accuracy_score),
    ):
        found = values(positive, answer)

        def weighted(weights, metric=metric):
            return metric(positive, answer, sample_weight=weights)

        assert found.mean() == pytest.approx(weighted(np.ones(60)), abs=1e-12)
        np.testing.assert_allclose(found - found.mean(), derivatives(weighted, 60), atol=1e-6)


def test_kappa_is_scikit_learns_with_its_derivatives():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, 50)
    y = np.clip(x + rng.integers(-1, 2, 50), 0, 3)

    def metric(weights):
        return metrics.cohen_kappa_score(x, y, weights="quadratic", sample_weight=weights)

    values = kappa_values(x, y)
    assert values.mean() == pytest.approx(metric(np.ones(50)), abs=1e-12)
    np.testing.assert_allclose(values - values.mean(), derivatives(metric, 50), atol=1e-6)


def test_root_mean_square_by_hand():
    values = root_values(np.array([1.0, 7.0]))  # the root is 2, its derivative a quarter
    np.testing.assert_allclose(values, [2 - 3 / 4, 2 + 3 / 4])
    assert root_values(np.zeros(3)).tolist() == [0, 0, 0]


def test_calibration_error_by_hand():
    confidence = np.array([0.9, 0.95, 0.6, 0.55])
    right = np.array([True, False, True, True])
    # Bins of a tenth: 0.6 in (0.5, 0.6] with 0.55; 0.9 in (0.8, 0.9], 0.95 in (0.9, 1].
    values = calibration_values(confidence, right, bins=10)
    expected = (abs(0.9 - 1) + abs(0.95 - 0) + abs(1.15 - 2)) / 4
    assert values.mean() == pytest.approx(expected)


def concordance_by_counting(time, died, risk, weights):
    above = below = 0.0
    for i in range(len(time)):
        for j in range(len(time)):
            if died[i] and (time[i] < time[j] or (time[i] == time[j] and not died[j])):
                w = weights[i] * weights[j]
                below += w
                above += w * (0.5 if risk[i] == risk[j] else risk[i] > risk[j])
    return above / below


def test_concordance_counts_pairs(monkeypatch):
    rng = np.random.default_rng(1)
    time, died = rng.integers(1, 15, 30).astype(float), rng.random(30) < 0.6
    risk = np.round(-time / 5 + rng.normal(size=30), 1)

    def metric(weights):
        return concordance_by_counting(time, died, risk, weights)

    values = concordance_values(time, died, risk)
    assert values.mean() == pytest.approx(metric(np.ones(30)), abs=1e-12)
    np.testing.assert_allclose(values - values.mean(), derivatives(metric, 30), atol=1e-6)
    monkeypatch.setattr("gengap.statistics.influence.PAIRS", 70)
    np.testing.assert_allclose(concordance_values(time, died, risk), values)


def test_the_mean_over_classes_is_scikit_learns():
    rng = np.random.default_rng(5)
    target, p = rng.integers(0, 3, 80), rng.dirichlet([1, 1, 1], 80)
    values = mean_over_classes(auroc_values, target, p, np.unique(target))
    expected = metrics.roc_auc_score(target, p, multi_class="ovr")
    assert values.mean() == pytest.approx(expected, abs=1e-12)


def test_what_is_not_defined_is_nan():
    none, all_, score = np.zeros(3, bool), np.ones(3, bool), np.arange(3.0)
    assert np.isnan(auroc_values(none, score)).all()
    assert np.isnan(auroc_values(all_, score)).all()
    assert np.isnan(average_precision_values(none, score)).all()
    assert np.isnan(f1_values(none, none)).all()
    assert np.isnan(kappa_values(none, none)).all()
    assert np.isnan(concordance_values(score, none, score)).all()
    assert np.isnan(mean_over_classes(auroc_values, none, score[:, None], np.array([], int))).all()
    assert np.isnan(ratio_values(score, np.zeros(3))).all()


def test_the_jackknife_of_a_mean_is_its_variance():
    x = np.random.default_rng(0).normal(size=20)
    values = jackknife_values(lambda rows: float(x[rows].mean()), np.arange(20))
    np.testing.assert_allclose(values, x)  # each left out in turn


def test_the_jackknife_leaves_clusters_out_whole():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(40), 3)
    x = rng.normal(size=40)[cluster]
    left: list[np.ndarray] = []

    def metric(rows):
        left.append(np.unique(cluster[~rows]))
        return float(x[rows].mean())

    values = jackknife_values(metric, cluster, groups=10)
    assert values.mean() == pytest.approx(x.mean())
    assert sorted(np.concatenate(left).tolist()) == list(range(40))
    # Groups of four clusters: their means vary a quarter as much as clusters do.
    groups = np.array([x[np.isin(cluster, own)].mean() for own in left[1:]])
    assert values[::3].var(ddof=1) / 40 == pytest.approx(groups.var(ddof=1) / 10)


def test_the_jackknife_lives_with_groups_that_leave_nothing():
    x = np.arange(10.0)
    values = jackknife_values(lambda rows: float(x[rows].mean()) if rows[3] else np.nan, x)
    assert values.mean() == pytest.approx(4.5)
    assert np.isfinite(values).all()
    assert np.isnan(jackknife_values(lambda rows: float("nan"), x)).all()


METRICS = {
    "auroc": lambda y, s: auroc_values(y, s),
    "average precision": lambda y, s: average_precision_values(y, s),
    "f1": lambda y, s: f1_values(y, s > 0.5),
    "root": lambda y, s: root_values((s - y) ** 2),
    "calibration": lambda y, s: calibration_values(1 / (1 + np.exp(-2 * s)), y, 5),
    "jackknife": lambda y, s: jackknife_values(
        lambda rows: float(np.median(s[rows & y]) - np.mean(s[rows & ~y])) if (rows & y).any()
        else np.nan, np.arange(len(y))
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_the_difference_of_two_metrics_is_covered(name):
    """Two scores of the same 150 examples; the truth is the mean over all the samples drawn."""
    rng = np.random.default_rng(7)
    differences, errors = [], []
    for _ in range(2_000):
        y = rng.random(150) < 0.3
        common, own = rng.normal(size=150), rng.normal(size=(2, 150))
        first, second = (y + common * 0.7 + noise * 0.7 for noise in own)
        values = METRICS[name](y, 1.3 * first) - METRICS[name](y, second)
        differences.append(values.mean())
        errors.append(values.std(ddof=1) / np.sqrt(150))
    d, e = np.array(differences), np.array(errors)
    covered = np.mean(np.abs(d - d.mean()) <= 1.976 * e)
    assert 0.93 <= covered <= 0.97
