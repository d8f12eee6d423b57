"""Rows that belong together are fitted, calibrated and judged together."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.guard.clusters import medians, p_value
from gengap.guard.fitting import parts


def episodes(draw: np.random.Generator, count: int, length: int = 20, move: float = 0.0):
    """Rows ``(count * length, 2)`` whose places differ between episodes more than within."""
    middle = draw.normal(size=(count, 1, 2)) + move
    rows = middle + 0.05 * draw.normal(size=(count, length, 2))
    return rows.reshape(-1, 2), np.repeat(np.arange(count), length)


def test_p_value_by_hand():
    known = medians(np.array([5.0, 1, 3, 2, 2, 9]), np.zeros(6), np.array([0, 0, 0, 1, 1, 2]))
    np.testing.assert_array_equal(known, [2, 3, 9])
    none = np.zeros(3)
    assert p_value(known, np.array([0.0, 3, 8]), none) == 3 / 4  # median 3, two at least as large
    assert p_value(known, np.array([0.0, 9.5, 10]), none) == 1 / 4
    assert p_value(known, np.array([np.nan, np.nan, 0]), none) == 1 / 4  # what nobody can read
    assert p_value(known, none, np.array([0, 2.0, 2])) == 1 / 4  # beyond what was seen


def test_a_cluster_calibrates_with_one_row_and_is_not_fitted_on():
    cluster = np.repeat(np.arange(90), np.tile([1, 5, 9], 30))
    fit, held = (rows.numpy() for rows in parts(len(cluster), 0.1, None, (), 3, cluster))
    assert len(set(cluster[held])) == len(held) == 29  # k / alpha - 1 near a third of the clusters
    assert not set(cluster[fit]) & set(cluster[held])
    assert set(cluster[fit]) | set(cluster[held]) == set(range(90))


def test_the_rate_is_kept_for_new_clusters_and_whole_ones_are_told():
    draw = np.random.default_rng(0)
    alarms, alone, small, moved = [], [], [], []
    for seed in range(8):
        X, cluster = episodes(draw, 60)
        new, of_new = episodes(draw, 40)
        away, of_away = episodes(draw, 10, move=6.0)
        options = {"false_alarms": 0.1, "detector": "knn", "seed": seed}
        guard = gg.Guard.fit(None, X, cluster=cluster, **options)
        alarms.append(1 - guard(new).accept.mean())
        alone.append(1 - gg.Guard.fit(None, X, **options)(new).accept.mean())
        small += [guard.left(new[of_new == k]) <= 0.1 for k in range(40)]
        moved += [guard.left(away[of_away == k]) <= 0.1 for k in range(10)]
    assert np.mean(alarms) < 0.15  # 0.1 and three standard errors
    assert np.mean(alone) > 0.15  # rows of one episode make each other look at home
    assert np.mean(small) < 0.15
    assert np.mean(moved) > 0.9


def test_whole_clusters_are_kept_with_the_guard(tmp_path):
    X, cluster = episodes(np.random.default_rng(1), 90, 5)
    guard = gg.Guard.fit(None, X, cluster=cluster, detector="hbos")
    guard.save(tmp_path)
    again = gg.Guard.load(tmp_path)
    assert again.left(X[:5]) == guard.left(X[:5])
    with pytest.raises(UsageError, match="no rows"):
        guard.left(X[:0])
    np.testing.assert_array_equal(again.clusters, guard.clusters)


def test_without_clusters_no_whole_is_judged():
    X, cluster = episodes(np.random.default_rng(1), 90, 5)
    with pytest.raises(UsageError, match="fit it with cluster"):
        gg.Guard.fit(None, X, detector="hbos").left(X[:5])
    with pytest.raises(UsageError, match="450 rows but cluster has 3"):
        gg.Guard.fit(None, X, cluster=[1, 2, 3])
    with pytest.raises(UsageError, match="8 clusters are too few"):
        gg.Guard.fit(None, X[:40], cluster=cluster[:40])
