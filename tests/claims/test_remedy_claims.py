"""Data of claims about weighting and rich features, before anything is trained."""

from __future__ import annotations

import numpy as np

from gengap.claims.rich import AGREEMENTS, ROWS, coloured, moved
from gengap.claims.weighting import CURVE, ELSEWHERE, NOISE, moved_inputs
from gengap.claims.weighting import ROWS as SOURCE


def test_colours_agree_as_often_as_stated() -> None:
    data = coloured(0)
    X, y = np.asarray(data.X), np.asarray(data.y)
    red = X[:, 0].any((1, 2))
    for k, agreement in enumerate(AGREEMENTS.values()):
        own = slice(k * ROWS, (k + 1) * ROWS)
        # Four standard errors of a share in 2,500.
        assert abs((red[own] == y[own]).mean() - agreement) < 4 * np.sqrt(0.25 / ROWS)
    assert not (X[:, 0].any((1, 2)) & X[:, 1].any((1, 2))).any()


def test_moved_digits_lose_at_most_what_leaves_the_image() -> None:
    images = np.arange(1.0, 4.0)[:, None, None] * np.eye(2)
    found = moved(np.repeat(images, 30, 0), np.random.default_rng(0))
    assert set(np.unique(found)) == {0, 1, 2, 3}
    assert (found.sum((1, 2)) <= 2 * np.repeat([1, 2, 3], 30)).all()


def test_inputs_move_and_the_relation_stays() -> None:
    data = moved_inputs(0, CURVE)
    x, y = np.asarray(data.X)[:, 0], np.asarray(data.y)
    assert (len(x[:SOURCE]), len(x[SOURCE:])) == (SOURCE, ELSEWHERE)
    assert abs(x[SOURCE:].mean() - x[:SOURCE].mean() - 1.5) < 0.3
    left = y - x - CURVE * x**2
    for own in (left[:SOURCE], left[SOURCE:]):
        assert abs(own.std() - NOISE) < 0.1
        assert abs(own.mean()) < 0.15
