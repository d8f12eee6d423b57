"""Churn against enumeration, closed forms and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.churn import churn


def pairwise(codes: np.ndarray) -> float:
    """Churn by looking at every pair of runs and every example."""
    found = [
        a[i] != b[i]
        for a, b in itertools.combinations(codes, 2)
        for i in range(codes.shape[1])
        if a[i] >= 0 and b[i] >= 0
    ]
    return float(np.mean(found))


def test_churn_by_hand():
    found = churn([[0, 1, 1, 2], [0, 1, 2, 0]], [0, 1, 1, 1], classes=3)
    assert found.estimate == 0.5
    # Accuracies 3/4 and 1/2: 1 - 3/8 - (1/8)/2.
    assert found.by_chance == pytest.approx(1 - 3 / 8 - 1 / 16)
    assert found.least == pytest.approx(0.25)
    assert found.relative == pytest.approx(0.5 / 0.5625)
    assert found.runs == 2
    # Student's interval of four differences 0, 0, 1, 1.
    half = stats.t.ppf(0.975, 3) * np.std([0, 0, 1, 1], ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((max(0.5 - half, 0), min(0.5 + half, 1)))
    assert "Two runs" in found.note


def test_churn_with_missing_predictions_looks_at_every_pair():
    rng = np.random.default_rng(1)
    codes = rng.integers(-1, 4, (5, 30))
    found = churn(codes, rng.integers(0, 4, 30), 4)
    assert found.estimate == pytest.approx(pairwise(codes))
    as_floats = np.where(codes < 0, np.nan, codes)
    assert churn(as_floats, np.zeros(30), 4).estimate == found.estimate


def test_the_variance_is_that_of_both_jackknives():
    rng = np.random.default_rng(2)
    codes = rng.integers(-1, 3, (4, 12))
    found = churn(codes, np.zeros(12), 3)
    runs = np.array([pairwise(np.delete(codes, r, axis=0)) for r in range(4)])
    by_runs = 3 / 4 * np.sum((runs - runs.mean()) ** 2)
    rate = pairwise(codes)
    met = [i for i in range(12) if (codes[:, i] >= 0).sum() >= 2]
    residuals = []
    for i in met:
        own = list(itertools.combinations(codes[codes[:, i] >= 0, i], 2))
        residuals.append(sum(a != b for a, b in own) - rate * len(own))
    pairs = sum(math.comb((codes[:, i] >= 0).sum(), 2) for i in met)
    by_examples = np.sum(np.square(residuals)) / pairs**2 * len(met) / (len(met) - 1)
    total = by_runs + by_examples
    degrees = total**2 / (by_runs**2 / 3 + by_examples**2 / (len(met) - 1))
    half = stats.t.ppf(0.975, degrees) * np.sqrt(total)
    assert found.high == pytest.approx(min(rate + half, 1))


def test_independent_errors_churn_as_by_chance():
    rng = np.random.default_rng(3)
    target = rng.integers(0, 5, 20_000)
    wrong = (target + rng.integers(1, 5, (6, 20_000))) % 5
    codes = np.where(rng.random(wrong.shape) < 0.8, target, wrong)
    assert churn(codes, target, 5).relative == pytest.approx(1, abs=0.02)


def test_runs_that_never_differ_leave_room_for_what_was_not_seen():
    found = churn(np.zeros((3, 50), dtype=int), np.zeros(50), 5)
    assert found.estimate == found.least == found.low == 0.0
    assert (1 - found.high) ** 50 == pytest.approx(0.05)
    assert "rule of three" in found.note


def test_the_interval_holds_the_churn_of_new_seeds_on_new_examples():
    # Each seed has its own share of examples it predicts at random, so seeds matter.
    rng = np.random.default_rng(4)
    held = []
    lapses = rng.uniform(0.05, 0.35, 200_000).reshape(2, -1)
    truth = np.mean(1 - (1 - lapses[0]) * (1 - lapses[1])) / 2
    for _ in range(300):
        lapse = rng.uniform(0.05, 0.35, 6)
        codes = np.where(rng.random((6, 100)) < lapse[:, None], rng.integers(0, 2, (6, 100)), 0)
        found = churn(codes, np.zeros(100), 2)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) > 0.93


@pytest.mark.parametrize(
    ("predicted", "target", "classes", "says"),
    [
        ([[0, 1]], [0, 1], 2, "at least 2 runs"),
        ([[0, 1], [0, 1]], [0], 2, "a target per example"),
        ([[0, 2], [0, 1]], [0, 1], 2, "from 0 to 1"),
        ([[0, 0.5], [0, 1]], [0, 1], 2, "from 0 to 1"),
        ([[0, -1], [-1, 1]], [0, 1], 2, "No two of these runs"),
        ([[0, 0], [0, 0]], [0, 0], 1, "at least 2 classes"),
    ],
)
def test_unusable_predictions(predicted, target, classes, says):
    with pytest.raises(UsageError, match=says):
        churn(predicted, target, classes)
