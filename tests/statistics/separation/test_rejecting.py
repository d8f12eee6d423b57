"""What rejecting buys, by hand and by brute force."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.separation.rejecting import kept, kept_means, ratio_interval, rejecting


def test_worked_example() -> None:
    # Two environments of four; the strangest of each is the one that the unseen model misses.
    strange = [0, 1, 2, 9, 0, 1, 2, 9]
    unseen = [1, 1, 1, 0, 1, 0, 1, 0]
    reference = [1, 1, 1, 1, 1, 0, 1, 1]
    (row,) = rejecting(strange, unseen, reference, list("aaaabbbb"), shares=[0.25])
    assert row.score_before.estimate == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert row.score_after.estimate == pytest.approx((1 + 2 / 3) / 2)
    assert row.cost_before.estimate == pytest.approx(1 / 4)
    assert row.cost_after.estimate == 0
    assert row.removed.estimate == 1
    # Student with one degree of freedom around gains of 1/4 and 1/6.
    half = 12.706204736 * abs(1 / 4 - 1 / 6) / 2
    assert row.gain.half_width == pytest.approx(half)


def test_ties_are_rejected_in_random_order() -> None:
    strange = np.array([1.0, 2.0, 2.0, 2.0, 0.0])
    score = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    weights = kept(strange, 0.4)
    assert weights.sum() == pytest.approx(3)
    means = [
        score[sorted(order, key=lambda i: strange[i])[:3]].mean()
        for order in permutations(range(5))
    ]
    assert np.average(score, weights=weights) == pytest.approx(np.mean(means))


def test_a_detector_without_opinion_is_random_rejection_and_buys_nothing() -> None:
    rng = np.random.default_rng(0)
    unseen, reference = rng.integers(0, 2, (2, 60)).astype(float)
    for row in rejecting(np.zeros(60), unseen, reference, np.arange(60) % 3):
        assert row.gain.estimate == pytest.approx(0, abs=1e-12)
        assert row.cost_change.estimate == pytest.approx(0, abs=1e-12)


def test_rejects_within_each_environment_and_run() -> None:
    # Scores of the two runs do not compare: run 1's are all larger.
    strange = [0, 1, 100, 101]
    unseen = [1, 0, 1, 0]
    found = kept_means(strange, unseen, unseen, list("aaaa"), [0, 0, 1, 1], share=0.5)
    assert found[0, 0] == 1.0
    pooled = kept_means(strange, unseen, unseen, list("aaaa"), share=0.5)
    assert pooled[0, 0] == 0.5


def test_fieller_limits_solve_their_equation() -> None:
    rng = np.random.default_rng(1)
    whole = rng.normal(1.0, 0.3, 8)
    part = 0.5 * whole + rng.normal(0, 0.1, 8)
    found = ratio_interval(part, whole)
    for p in (found.low, found.high):
        residual = part - p * whole
        t = abs(residual.mean()) / (residual.std(ddof=1) / math.sqrt(8))
        assert t == pytest.approx(2.364624, abs=1e-5)
    assert found.low < found.estimate < found.high


def test_fieller_limits_cover() -> None:
    rng, hits = np.random.default_rng(2), 0
    for _ in range(500):
        whole = rng.normal(1.0, 0.5, 10)
        part = 0.3 * whole + rng.normal(0, 0.3, 10)
        found = ratio_interval(part, whole)
        hits += found.low <= 0.3 <= found.high
    assert 0.92 <= hits / 500 <= 0.98


def test_no_share_of_a_cost_that_may_be_zero() -> None:
    found = ratio_interval(np.array([0.1, -0.1, 0.05]), np.array([0.2, -0.2, 0.1]))
    assert not found.defined
    assert "not clearly different from 0" in found.note


def test_without_a_reference_there_is_a_score_and_no_cost() -> None:
    (row,) = rejecting([0, 1, 0, 1], [1, 0, 1, 0], [np.nan] * 4, [0, 0, 1, 1], shares=[0.5])
    assert row.score_after.estimate == 1.0
    assert math.isnan(row.cost_before.estimate)
    assert not row.removed.defined


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="share to reject"):
        rejecting([1], [1], [1], [0], shares=[1.0])
    with pytest.raises(UsageError, match="one strangeness"):
        rejecting([1, 2], [1], [1], [0])
    with pytest.raises(UsageError, match="strangeness is NaN"):
        rejecting([np.nan], [1], [1], [0])
    with pytest.raises(UsageError, match="one label per example"):
        rejecting([1, 2], [1, 1], [1, 1], [0])
