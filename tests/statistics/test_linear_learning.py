"""The closed form of linear learning against gradient descent on drawn data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.linear_learning import (
    covariance_spectrum,
    expected_losses,
    share_within,
)


@pytest.mark.parametrize("ratio", [0.3, 0.9, 2.5])
def test_moments_of_the_law(ratio):
    # Marchenko and Pastur's: 1, 1, 1 + λ and 1 + 3 λ + λ².
    values, weights = covariance_spectrum(ratio)
    for power, wanted in enumerate((1, 1, 1 + ratio, 1 + 3 * ratio + ratio**2)):
        assert weights @ values**power == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.6])
def test_losses_are_those_of_gradient_descent(ratio):
    draw, d = np.random.default_rng(0), 200
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(150) / 150)) / 2
    train, elsewhere = expected_losses(rates, ratio, start=4.0)
    X = draw.standard_normal((round(d / ratio), d)).astype(np.float32)
    # Descent from each direction at once, so that no direction's chance is left.
    error = np.eye(d, dtype=np.float32) * 2 / np.sqrt(d)
    found = np.zeros((2, len(rates) + 1))
    for step in range(len(rates) + 1):
        found[:, step] = np.square(X @ error).sum() / len(X), np.square(error).sum()
        if step < len(rates):
            error = error - rates[step] * 2 * X.T @ (X @ error) / len(X)
    for at in (0, 10, 50, 150):
        assert found[0, at] == pytest.approx(train[at], rel=0.1, abs=4e-3)
        assert found[1, at] == pytest.approx(elsewhere[at], rel=0.1, abs=4e-3)


def test_shares_are_those_of_a_normal_error():
    assert share_within(np.array([1.0, 4.0]), 1.96) == pytest.approx(
        [0.95, 1 - 2 * stats.norm.sf(0.98)], abs=1e-4
    )


def test_what_cannot_be():
    with pytest.raises(UsageError, match="above 0"):
        covariance_spectrum(0)
    with pytest.raises(UsageError, match="errors grow"):
        expected_losses(np.array([1.0]), 0.5)
