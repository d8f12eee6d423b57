"""What trainings of claims about smooth activations see."""

from __future__ import annotations

import numpy as np

from gengap.claims.reproducible import _in_every_part
from gengap.environments.parts import TRAIN, parts


def test_every_seed_trains_on_the_same_rows() -> None:
    X = np.arange(20, dtype=np.float32)[:, None]
    data = _in_every_part(X, np.arange(20) % 2)
    for seed in range(7):
        part = parts(data.environment, data.y, 2, seed, data.clusters)
        for environment in (0, 1):
            rows = np.asarray(data.X)[(part == TRAIN) & (data.environment == environment), 0]
            np.testing.assert_array_equal(np.bincount(rows.astype(int)), np.full(20, 3))
