"""Contexts chosen for training: three by hand, and against another Gaussian process."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from gengap.base.errors import UsageError
from gengap.control.chosen_contexts import LENGTH, NOISE, choose_contexts, hopes, scaled


def test_three_contexts_by_hand() -> None:
    """From the middle one 0.4 is lost over half the range: a slope of 0.8."""
    found = hopes(np.array([3.0, 4.0, 5.0]), np.array([1]), np.array([[0.6, 1.0, 0.6]]))
    spread = np.sqrt(0.4**2 * 2 / 9)
    alike = np.exp(-((0.5 / LENGTH) ** 2) / 2)
    hoped = 1 + spread * np.sqrt(1 - alike**2 / (1 + NOISE))
    # At its own place the hope beats 0.6; half the range away it is 0.4 less, below 1.0.
    assert found[0] == pytest.approx((hoped - 0.6) / 3)
    assert found[2] == pytest.approx(found[0])
    assert found[1] < 0.01


def test_hopes_are_those_of_a_gaussian_process() -> None:
    rng = np.random.default_rng(0)
    contexts, tried = rng.random((12, 2)) * [3, 40], np.array([2, 7, 9])
    reached = rng.random((3, 12))
    place = scaled(contexts)
    own = reached[np.arange(3), tried]
    kernel = ConstantKernel(reached.var()) * RBF(LENGTH)
    process = GaussianProcessRegressor(kernel, alpha=NOISE * reached.var(), optimizer=None)
    middle, spread = process.fit(place[tried], own - own.mean()).predict(place, return_std=True)
    far = np.linalg.norm(place[:, None] - place, axis=-1)
    (slope,), *_ = np.linalg.lstsq(
        far[tried].reshape(-1, 1), (own[:, None] - reached).ravel(), rcond=None
    )
    hoped = middle + own.mean() + spread
    wanted = [
        np.mean([max(0, hoped[x] - max(slope, 0) * far[x, to] - reached[:, to].max())
                 for to in range(12)])
        for x in range(12)
    ]  # fmt: skip
    np.testing.assert_allclose(hopes(contexts, tried, reached), wanted, atol=1e-8)


def test_where_agents_hardly_carry_over_contexts_are_spread_out() -> None:
    contexts = np.arange(9.0)
    steep = np.clip(1 - np.abs(contexts[:, None] - contexts) / 3, 0, 1)
    found = choose_contexts(contexts, lambda number: steep[number], 3)
    assert found.contexts[0] == 4
    assert sorted(found.contexts)[0] <= 2
    assert sorted(found.contexts)[-1] >= 6
    np.testing.assert_array_equal(found.best, steep[found.contexts].max(0))
    with pytest.raises(UsageError, match="10 of 9"):
        choose_contexts(contexts, lambda number: steep[number], 10)
