"""Small problems for the tests of this folder."""

from __future__ import annotations

import numpy as np

from gengap.environments.core import Environments

CENTRES = np.array([[3.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 3.0, 0]])


def shifted(shift: float, environments: int = 4, each: int = 60, seed: int = 0) -> Environments:
    """Three classes in four numbers; the last environment lies ``shift`` away in all of them."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(3), environments * each // 3)
    where = np.repeat(np.arange(environments), each)
    X = CENTRES[y] + rng.normal(0, 0.7, (len(y), 4))
    X[where == environments - 1] += shift
    return Environments.from_arrays(X, y, where, task="classification", name="shifted")


def values(environments: int = 4, each: int = 50) -> Environments:
    """Regression with the target a noisy sum; the last environment lies far off."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(environments * each, 3))
    where = np.repeat(np.arange(environments), each)
    X[where == environments - 1] += 4
    y = 10 + 5 * X.sum(1) + rng.normal(0, 0.5, len(X))
    return Environments.from_arrays(X, y, where, task="regression", name="values")
