"""A batch among environments: distances by brute force, ranks by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from gengap.base.errors import UsageError
from gengap.questions.shift.variation import among_environments


def test_distances_by_brute_force():
    rng = np.random.default_rng(0)
    A, B, new = (rng.normal(size=(n, 2)) + shift for n, shift in ((5, 0), (6, 1), (4, 2)))
    width = float(np.median(pdist(np.concatenate([A, B, new]))))

    def similarity(pairs) -> float:
        return float(np.mean([math.exp(-np.sum((a - b) ** 2) / (2 * width**2)) for a, b in pairs]))

    def squared(x, y) -> float:
        within = similarity(itertools.permutations(x, 2)) + similarity(itertools.permutations(y, 2))
        return within - 2 * similarity(itertools.product(x, y))

    found = among_environments(np.concatenate([A, B]), ["A"] * 5 + ["B"] * 6, new)
    assert found.distance == pytest.approx((squared(new, A) + squared(new, B)) / 2)
    assert found.distances["A"] == pytest.approx((squared(A, B) + squared(A, new)) / 2)
    assert found.distances["B"] == pytest.approx((squared(B, A) + squared(B, new)) / 2)


def line_of(positions: list[float], new: float):
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal(size=(40, 1)) * 0.1 + where for where in positions])
    labels = np.repeat(np.arange(len(positions)), 40)
    return among_environments(rows, labels, rng.normal(size=(40, 1)) * 0.1 + new)


def test_ranks_on_a_line():
    far = line_of([0.0, 1.0, 2.0, 3.0], 9.0)
    assert (far.nearer, far.p_value) == (4, 1 / 5)
    middle = line_of([0.0, 1.0, 3.0, 4.0], 2.0)
    assert (middle.nearer, middle.p_value) == (0, 1.0)


def test_a_new_environment_from_the_same_source_has_any_rank():
    rng = np.random.default_rng(2)
    p = []
    for seed in range(150):
        rows = rng.normal(size=(5, 12, 2)) + rng.normal(size=(5, 1, 2))
        labels = np.repeat(np.arange(4), 12)
        p.append(among_environments(rows[:4].reshape(-1, 2), labels, rows[4], seed).p_value)
    counts = np.bincount(np.rint(np.array(p) * 5).astype(int), minlength=6)[1:]
    assert np.abs(counts - 30).max() <= 4 * math.sqrt(150 * 0.2 * 0.8)


@pytest.mark.parametrize(
    ("rows", "where", "new", "said"),
    [
        (np.zeros((4, 1)), ["A"] * 4, np.zeros((4, 1)), "one environment"),
        (np.zeros((4, 1)), [*"AAAB"], np.zeros((4, 1)), "'B' has fewer than 2"),
        (np.zeros((4, 1)), [*"AABB"], np.zeros((1, 1)), "'new' has fewer than 2"),
        (np.zeros((4, 1)), [*"AABB"], np.zeros((4, 2)), "same features"),
        (np.full((4, 1), np.nan), [*"AABB"], np.zeros((4, 1)), "finite"),
    ],
)
def test_bad_input_is_named(rows, where, new, said):
    with pytest.raises(UsageError, match=said):
        among_environments(rows, where, new)
