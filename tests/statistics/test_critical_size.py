"""The size at which runs generalise: by hand, and how often the interval holds the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.critical_size import critical_size

SIZES = np.geomspace(50, 800, 13)


def test_by_hand():
    # The first run crosses 0.5 a quarter of the way from 100 to 200, the second at 200 exactly.
    found = critical_size([100, 200, 400], [[0.4, 0.8, 1.0], [0.0, 0.5, 0.9]])
    own = [100 * 2**0.25, 200]
    assert found.estimate == pytest.approx(math.sqrt(own[0] * own[1]))
    # Both are known to lie between 100 and 200 only, and agree on that.
    assert (found.low, found.high) == pytest.approx((100, 200))


def test_scores_that_fall_are_pooled_with_what_came_before():
    # Isotonic: 0.6 and 0.2 become 0.4 each, so the level is crossed between 200 and 400.
    found = critical_size([100, 200, 400], [[0.6, 0.2, 0.8]])
    assert found.estimate == pytest.approx(200 * 2**0.25)
    assert not found.defined


@pytest.mark.parametrize("sharpness", [4.0, 1000.0])
def test_the_interval_holds_the_truth_often_enough(sharpness):
    draw, trials, truth = np.random.default_rng(0), 400, 200.0
    held = 0
    for _ in range(trials):
        own = np.log(truth) + 0.25 * draw.standard_normal(5)
        scores = 1 / (1 + np.exp(np.clip(sharpness * (own[:, None] - np.log(SIZES)), -50, 50)))
        found = critical_size(SIZES, scores)
        held += found.low <= truth <= found.high
    assert held / trials > 0.95 - 2 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize(
    ("sizes", "scores", "said"),
    [
        ([1, 2], [[0.9, 1.0]], "try smaller"),
        ([1, 2], [[0.1, 0.2], [0.1, 0.9]], "1 of 2 runs"),
        ([2, 1], [[0.1, 0.9]], "ascending"),
        ([1, 2, 3], [[0.1, 0.9]], "3 sizes"),
    ],
)
def test_what_has_no_critical_size(sizes, scores, said):
    with pytest.raises(UsageError, match=said):
        critical_size(sizes, scores)
