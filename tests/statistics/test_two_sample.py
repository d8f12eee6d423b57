"""Two-sample tests: brute force on six points, SciPy in one dimension, exactness, power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gengap.base.errors import UsageError
from gengap.statistics import two_sample
from gengap.statistics.two_sample import mmd_test


def sample(n: int, m: int, d: int, shift: float = 0.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def mmd_by_hand(x: np.ndarray, y: np.ndarray, of_median: float = 1.0) -> float:
    pooled = np.concatenate([x, y])
    width = of_median * np.median(cdist(pooled, pooled)[np.triu_indices(len(pooled), 1)])

    def mean(pairs) -> float:
        return float(np.mean([math.exp(-np.sum((a - b) ** 2) / (2 * width**2)) for a, b in pairs]))

    within = mean(itertools.permutations(x, 2)) + mean(itertools.permutations(y, 2))
    return within - 2 * mean(itertools.product(x, y))


def test_six_points_by_brute_force():
    x, y = sample(2, 4, 3, shift=0.8)
    pooled = np.concatenate([x, y])
    every = []
    for chosen in itertools.combinations(range(6), 2):
        first, rest = pooled[list(chosen)], pooled[[k for k in range(6) if k not in chosen]]
        every.append([mmd_by_hand(first, rest, width) for width in (0.25, 0.5, 1, 2)])
    largest = ((every - np.mean(every, 0)) / np.std(every, 0)).max(1)
    exact = np.mean(largest >= largest[0] - 1e-12)
    found = mmd_test(x, y, permutations=4_000)
    assert found.statistic == pytest.approx(mmd_by_hand(x, y))
    assert 0.05 < exact < 0.95
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4_000))


def test_blocks_and_unequal_sizes_change_nothing(monkeypatch):
    x, y = sample(23, 41, 5, shift=0.3)
    whole = mmd_test(x, y)
    assert whole.statistic == pytest.approx(mmd_by_hand(x, y))
    # Blocks of 7 leave a ragged last one, and put single precision to use.
    monkeypatch.setattr(two_sample, "BLOCK", 7)
    blocks = mmd_test(x, y)
    assert blocks.statistic == pytest.approx(whole.statistic, abs=1e-5)
    assert blocks.p_value == whole.p_value


def test_mmd_of_two_points_far_apart():
    # Two piles: within them all similarities are 1; the median distance is that between the piles.
    x, y = np.zeros((3, 2)), np.full((3, 2), 5.0)
    assert mmd_test(x, y).statistic == pytest.approx(2 - 2 * math.exp(-0.5))


def test_equal_points_are_no_evidence():
    found = mmd_test(np.full((5, 3), 0.7), np.full((9, 3), 0.7))
    assert found.statistic == pytest.approx(0, abs=1e-12)
    assert found.p_value == 1


def test_mostly_equal_points_still_have_a_scale():
    x, y = np.zeros((30, 1)), np.zeros((30, 1))
    y[:8] = 3.0
    assert mmd_test(x, y).p_value < 0.02


def test_location_scale_and_order_do_not_matter():
    x, y = sample(40, 60, 4, shift=0.25)
    plain = mmd_test(x, y)
    moved = mmd_test(1e4 + 1e3 * x, 1e4 + 1e3 * y)
    assert moved.p_value == plain.p_value
    assert moved.statistic == pytest.approx(plain.statistic)
    assert mmd_test(y, x).statistic == pytest.approx(plain.statistic)


def test_a_shift_is_seen_and_the_seed_obeyed():
    x, y = sample(150, 150, 8, shift=0.3)
    assert mmd_test(x, y).p_value == 1 / 101
    near = sample(150, 150, 8, shift=0.05)
    assert mmd_test(*near, seed=3) == mmd_test(*near, seed=3)
    assert mmd_test(*near, seed=3).p_value != mmd_test(*near, seed=4).p_value


def test_mmd_sees_a_change_of_shape_that_leaves_mean_and_variance():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 1)), rng.choice([-1.0, 1.0], size=(300, 1))
    assert mmd_test(x, y).p_value == 1 / 101


@pytest.mark.parametrize("change", ["spread", "correlation"])
def test_spread_and_correlation_are_seen(change: str):
    seen = 0
    for seed in range(10):
        x, y = sample(150, 150, 20, seed=seed)
        common = np.random.default_rng([1, seed]).normal(size=(150, 1))
        y = 1.15 * y if change == "spread" else np.sqrt(0.75) * y + 0.5 * common
        seen += mmd_test(x, y).p_value <= 0.05
    assert seen >= 9


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros(5), np.zeros((5, 1)), "two tables"),
        (np.zeros((5, 2)), np.zeros((5, 3)), r"\(5, 2\) and \(5, 3\)"),
        (np.zeros((1, 2)), np.zeros((5, 2)), "at least 2"),
        (np.zeros((5, 0)), np.zeros((5, 0)), "a feature"),
        (np.full((5, 2), math.nan), np.zeros((5, 2)), "finite"),
    ],
)
def test_bad_features(x: np.ndarray, y: np.ndarray, message: str):
    with pytest.raises(UsageError, match=message):
        mmd_test(x, y)


def test_bad_permutations():
    with pytest.raises(UsageError, match="permutations is 0"):
        mmd_test(*sample(5, 5, 2), permutations=0)


@pytest.mark.slow
def test_size():
    p = [
        mmd_test(*sample(25, 40, 3, seed=k), permutations=99, seed=k).p_value for k in range(1_000)
    ]
    for alpha in (0.05, 0.2):
        error = 3 * math.sqrt(alpha * (1 - alpha) / 1_000)
        assert np.mean(np.array(p) <= alpha + 1e-12) == pytest.approx(alpha, abs=error)
