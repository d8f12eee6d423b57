"""How far environments move, against integrals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.statistics.decomposition.membership import membership
from gengap.statistics.decomposition.moves import Moves, moves

N = 3000


def moved(x: np.ndarray, y: np.ndarray) -> Moves:
    """Of the second of two environments of N rows each."""
    code, fold = np.repeat([0, 1], N), np.arange(2 * N) % 3
    weight = np.full(2 * N, 1 / N)
    scaled = (x - x.mean()) / x.std()
    own = membership(scaled[:, None], code, weight, fold, 0)
    return moves(own.probability, scaled[:, None], y, code, weight, fold, np.array([1]))


def test_inputs_that_move_and_classes_that_depend_alike():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2 * N) + np.repeat([0, 1], N)
    y = (rng.random(2 * N) < stats.logistic.cdf(x)).astype(int)
    found = moved(x, y)
    assert found.covariate[0] == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=0.04)
    assert found.correlation[0] < 0.04
    assert found.concept[0] < 0.04
    assert found.diversity[0] < 0.03


def test_classes_that_depend_the_other_way_round():
    rng = np.random.default_rng(1)
    x, side = rng.choice([-1.0, 1.0], 2 * N), np.repeat([1, -1], N)
    y = (rng.random(2 * N) < 0.5 + 0.3 * side * x).astype(int)
    found = moved(x, y)
    # p and q of class 1 differ by 0.6 everywhere, and those of class 0 as well.
    assert found.concept[0] == pytest.approx(0.6, abs=0.04)
    assert found.correlation[0] == pytest.approx(0.6, abs=0.04)
    assert found.covariate[0] < 0.04


def test_inputs_that_never_meet():
    rng = np.random.default_rng(2)
    x = rng.normal(size=2 * N) + 30 * np.repeat([0, 1], N)
    found = moved(x, rng.integers(0, 2, 2 * N))
    assert found.diversity[0] == pytest.approx(1.0, abs=0.01)
    assert found.covariate[0] == pytest.approx(1.0, abs=0.01)
