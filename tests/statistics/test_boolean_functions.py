"""Fourier transforms, influences and interpolators against sums over the cube written out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from gengap.base.cube import cube
from gengap.base.errors import UsageError
from gengap.statistics.boolean_functions import influence, minimum_degree, walsh


def test_coefficients_are_means_of_products():
    x, f = cube(4), np.random.default_rng(0).standard_normal(16)
    found = walsh(f)
    for size in range(5):
        for own in combinations(range(4), size):
            place = sum(1 << i for i in own)
            assert found[place] == pytest.approx(np.mean(f * x[:, list(own)].prod(1)))


@pytest.mark.parametrize("bit", range(5))
def test_influence_is_how_often_a_flip_changes_the_sign(bit):
    x = cube(5)
    f = np.sign(x[:, 0] + 2 * x[:, 1] * x[:, 3] + x[:, 2] * x[:, 4] * x[:, 0] + 0.5)
    flipped = np.arange(32) ^ (1 << bit)
    assert influence(f, bit) == pytest.approx(np.mean(f != f[flipped]))


@pytest.mark.parametrize("bit", [0, 2])
def test_a_frozen_bit_is_put_to_one(bit):
    x, f = cube(5), np.random.default_rng(1).standard_normal(32)
    seen = x[:, bit] == 1
    found = minimum_degree(f, seen)
    assert found == pytest.approx(f[np.arange(32) & ~(1 << bit)])
    assert np.mean((f - found) ** 2) / 2 == pytest.approx(influence(f, bit))


def test_published_example():
    # x_1 x_2 where not both are −1 is x_1 + x_2 − 1 (Abbe et al. 2023).
    x = cube(4)
    found = minimum_degree(x[:, 0] * x[:, 1], (x[:, :2] == 1).any(1))
    assert found == pytest.approx(x[:, 0] + x[:, 1] - 1)


def test_no_other_interpolator_has_a_lower_profile():
    draw = np.random.default_rng(2)
    f, seen = draw.standard_normal(16), draw.random(16) < 0.6
    best = profile(minimum_degree(f, seen))
    for _ in range(200):
        other = np.where(seen, f, minimum_degree(f, seen) + 0.3 * draw.standard_normal(16))
        differs = np.flatnonzero(np.abs(profile(other) - best) > 1e-9)
        assert profile(other)[differs[0]] > best[differs[0]]


def profile(values):
    """Power by degree, the highest first."""
    power, size = walsh(values) ** 2, [int(k).bit_count() for k in range(len(values))]
    return np.array([sum(p for p, s in zip(power, size, strict=True) if s == k) for k in
                     range(max(size), -1, -1)])  # fmt: skip


def test_what_cannot_be():
    with pytest.raises(UsageError, match="power of two"):
        walsh(np.zeros(12))
    with pytest.raises(UsageError, match="0 of 8"):
        minimum_degree(np.zeros(8), np.zeros(8, bool))
