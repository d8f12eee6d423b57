"""Dominoes of claims about hypotheses."""

from __future__ import annotations

import numpy as np

from gengap.claims.hypotheses import CUES, NAMED, dominoes


def test_halves_agree_where_asked_and_are_images_that_may_be_drawn() -> None:
    digit = np.repeat([*CUES, *NAMED], 5)
    images = np.arange(20.0)[:, None, None] * np.ones((8, 8)) / 100
    agree = np.arange(200) % 2 == 0
    X, y = dominoes(images, digit, slice(3, None), agree, np.random.default_rng(0))
    left, right = (np.rint(100 * X[:, k]).astype(int) for k in (0, 64))
    np.testing.assert_array_equal((digit[left] == CUES[1]) == (y == 1), agree)
    np.testing.assert_array_equal(digit[right] == NAMED[1], y == 1)
    assert set(left % 5) | set(right % 5) == {3, 4}
