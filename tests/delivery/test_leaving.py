"""Has a batch left the training environments: by hand, by another implementation, by simulation."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from gengap.delivery.leaving import against, leaving


def test_all_of_a_batch_above_all_that_is_known():
    """Of 5 and 10 rows in one order, the 5 above all others: 1 of C(15, 5) orders, twice tested."""
    known, strange = np.arange(10.0), np.arange(100.0, 105.0)
    assert against(strange, known, 0.05) == pytest.approx(2 / comb(15, 5))


def test_the_count_of_the_strangest_alone():
    """3 of 20 above the largest of 19, the rest below all: the three are the top of 39 rows."""
    known = np.arange(19.0)
    strange = np.r_[np.full(17, -1.0) - np.arange(17), 100.0, 101.0, 102.0]
    top_three = (20 * 19 * 18) / (39 * 38 * 37)
    assert against(strange, known, 0.05) == pytest.approx(2 * top_three)


def test_a_batch_like_the_strangest_environment_has_not_left():
    rng = np.random.default_rng(0)
    homes = np.repeat([0, 1], 200)
    known = rng.normal(size=400) + 2.0 * homes
    like, beyond = rng.normal(size=60) + 2.0, rng.normal(size=60) + 4.0
    found = leaving(like, known, homes, ("usual", "odd"), 0.05)
    assert not found.left
    assert found.nearest == "odd"
    assert leaving(beyond, known, homes, ("usual", "odd"), 0.05).left


def test_few_rows_say_nothing():
    found = leaving(np.full(4, 9.0), np.arange(50.0), np.zeros(50, int), ("a",), 0.05)
    assert np.isnan(found.p_value)
    assert not found.left


def test_false_alarms_stay_below_the_level():
    """Batches of one environment's own rows, where another environment is much stranger or not."""
    rng = np.random.default_rng(1)
    homes = np.repeat([0, 1, 2], 40)
    offsets = np.array([0.0, 0.3, -0.5])
    found = []
    for _ in range(150):
        known = rng.normal(size=120) + offsets[homes]
        strange = rng.normal(size=30) + 0.3
        found.append(leaving(strange, known, homes, ("a", "b", "c"), 0.05).p_value)
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 2 * np.sqrt(level / 150)
