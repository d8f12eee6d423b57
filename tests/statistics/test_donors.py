"""Donors give a column as it would be where they are."""

from __future__ import annotations

import numpy as np

from gengap.statistics.donors import donors


def test_a_shortcut_is_given_its_training_relation():
    rng = np.random.default_rng(0)
    n = 4000
    y = rng.normal(size=n)
    new = np.arange(n) >= n // 2
    shortcut = np.where(new, -1.0, 1.0) * y + 0.3 * rng.normal(size=n)
    features = np.column_stack([rng.normal(size=n), shortcut, y])
    pool, asked = np.flatnonzero(~new), np.flatnonzero(new)
    found = donors(features, [slice(0, 1), slice(1, 2)], pool, asked, rng)
    assert np.isin(found, pool).all()
    drawn = shortcut[found[:, 1]]
    slope, rest = np.polyfit(y[asked], drawn, 1)
    assert abs(slope - 1) < 0.05
    assert abs((drawn - slope * y[asked] - rest).std() - 0.3) < 0.03


def test_nobody_receives_from_itself():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 3))
    rows = np.arange(40)
    found = donors(features, [slice(0, 2)], rows, rows, rng)
    assert (found[:, 0] != rows).all()
