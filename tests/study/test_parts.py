"""Which examples train, validate and test: 60/20/20 in every environment, each tested once."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.environments.parts import TEST, TRAIN, VALIDATION, cluster_folds, folds, parts

SIZES = (40, 63, 104)
CLASSES = 3


@pytest.fixture(params=[CLASSES, 0], ids=["classes", "values"])
def problem(request):
    """Environments of unequal size whose rows are mixed; classes in proportions 6:3:1."""
    rng = np.random.default_rng(0)
    environment = rng.permutation(np.repeat(np.arange(3), SIZES))
    if request.param:
        return environment, rng.choice(3, len(environment), p=[0.6, 0.3, 0.1]), request.param
    return environment, rng.normal(size=len(environment)), 0


def test_five_seeds_test_every_example_exactly_once(problem):
    codes = np.array([parts(*problem, seed) for seed in range(5)])
    np.testing.assert_array_equal((codes == TEST).sum(0), 1)
    np.testing.assert_array_equal((codes == VALIDATION).sum(0), 1)
    np.testing.assert_array_equal((codes == TRAIN).sum(0), 3)


def test_validation_is_the_next_seeds_test(problem):
    for seed in range(5):
        now, following = parts(*problem, seed), parts(*problem, (seed + 1) % 5)
        np.testing.assert_array_equal(now == VALIDATION, following == TEST)


def test_every_environment_is_divided_60_20_20(problem):
    environment = problem[0]
    for seed in range(7):
        codes = parts(*problem, seed)
        for k, size in enumerate(SIZES):
            counts = np.bincount(codes[environment == k], minlength=3)
            assert counts.sum() == size
            # Folds of one environment differ by one at most, and training has three of them.
            assert np.all(np.abs(counts - size * np.array([0.6, 0.2, 0.2])) < [2, 1, 1])


def test_a_class_is_spread_over_the_folds_of_its_environment():
    rng = np.random.default_rng(3)
    environment = rng.permutation(np.repeat(np.arange(3), SIZES))
    y = rng.choice(CLASSES, len(environment), p=[0.6, 0.3, 0.1])
    fold = folds(environment, y, CLASSES, 0)
    for k in range(3):
        for c in range(CLASSES):
            counts = np.bincount(fold[(environment == k) & (y == c)], minlength=5)
            assert counts.max() - counts.min() <= 1
        counts = np.bincount(fold[environment == k], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_the_same_seed_deals_the_same_and_seed_5_deals_anew(problem):
    np.testing.assert_array_equal(parts(*problem, 0), parts(*problem, 0))
    # The chance that a new deal equals the old one is nil; one seed's test fold is a fifth.
    agreeing = np.mean((parts(*problem, 0) == TEST) == (parts(*problem, 5) == TEST))
    assert 0.5 < agreeing < 0.85  # 1 - 2 * 0.2 * 0.8 = 0.68 if independent
    anew = np.array([parts(*problem, seed) for seed in range(5, 10)])
    np.testing.assert_array_equal((anew == TEST).sum(0), 1)


def test_neighbouring_rows_are_not_kept_together():
    """A file in order (all of one kind first) must not give the first rows to one part."""
    n = 1000
    codes = parts(np.zeros(n, int), np.zeros(n), 0, 0)
    first = np.bincount(codes[: n // 2], minlength=3) / (n // 2)
    assert np.all(np.abs(first - [0.6, 0.2, 0.2]) < 0.08)


@pytest.fixture
def clustered(problem):
    """The problem with clusters of 1 to 6 rows, some of which lie in several environments."""
    environment, y, classes = problem
    rng = np.random.default_rng(1)
    order = np.argsort(environment + 0.3 * rng.normal(size=len(y)))
    clusters = np.empty(len(y), int)
    clusters[order] = np.repeat(np.arange(150), rng.integers(1, 7, 150))[: len(y)]
    assert len(np.unique(np.stack([clusters, environment]), axis=1).T) > clusters.max() + 5
    return environment, y, classes, clusters


def test_rows_that_belong_together_are_in_one_part_under_every_seed(clustered):
    *problem, clusters = clustered
    for seed in range(7):
        codes = parts(*problem, seed, clusters)
        for cluster in np.unique(clusters):
            assert len(np.unique(codes[clusters == cluster])) == 1


def test_five_seeds_test_every_cluster_exactly_once(clustered):
    *problem, clusters = clustered
    codes = np.array([parts(*problem, seed, clusters) for seed in range(5)])
    np.testing.assert_array_equal((codes == TEST).sum(0), 1)
    np.testing.assert_array_equal((codes == VALIDATION).sum(0), 1)


def test_folds_of_clusters_differ_by_no_more_than_the_largest_clusters(clustered):
    environment, y, classes, clusters = clustered
    counts = np.bincount(cluster_folds(environment, y, classes, 0, clusters), minlength=5)
    # Clusters are dealt by size within each environment and class, so the rounds telescope.
    largest = np.bincount(clusters).max()
    assert counts.max() - counts.min() <= largest * 3 * max(classes, 1)


def test_clusters_of_one_row_each_are_spread_over_classes_as_rows_are(problem):
    environment, y, classes = problem
    fold = cluster_folds(environment, y, classes, 0, np.random.default_rng(2).permutation(len(y)))
    for k in range(3):
        counts = np.bincount(fold[environment == k], minlength=5)
        assert counts.max() - counts.min() <= 1
