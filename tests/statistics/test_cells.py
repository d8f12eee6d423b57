"""The sums behind the intervals, against hand-worked tables and an explicit covariance matrix."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.cells import PRIOR_DEGREES, borrow, steady, summarise


def test_two_disjoint_test_parts_by_hand():
    # Seed 0 scores examples 0 and 1, seed 1 examples 2 and 3; cell means 0.5 and 2.
    cells = summarise([0.0, 1.0, 1.0, 3.0], [7, 7, 7, 7], [0, 0, 1, 1], [0, 1, 2, 3])
    assert cells.environments.tolist() == [7]
    assert cells.counts.tolist() == [[2, 2]]
    assert cells.means == pytest.approx([1.25])
    assert cells.deviations == pytest.approx(np.array([[-0.75, 0.75]]))
    # Squared deviations 0.25 * 2 + 1 * 2 = 2.5 on 4 - 2 degrees of freedom: 1.25 per example.
    assert cells.example == pytest.approx([1.25 / 4])
    assert cells.example_degrees == pytest.approx([2])
    assert cells.noise == pytest.approx([1.25 / 2])


def test_an_example_scored_twice_counts_once():
    once = summarise([0.0, 1.0, 4.0], [0] * 3, [0] * 3, [0, 1, 2])
    twice = summarise([0.0, 1.0, 4.0] * 2, [0] * 6, [0] * 3 + [1] * 3, [0, 1, 2] * 2)
    assert twice.example == pytest.approx(once.example)
    assert twice.example_degrees == pytest.approx(once.example_degrees)
    # The same scores under both seeds: examples contribute nothing to what differs between seeds.
    assert twice.noise == pytest.approx([0.0], abs=1e-15)


def test_expectations_match_an_explicit_covariance():
    # Seeds 0 and 1 share examples 0..3, seed 2 has its own; example part 2, residual part 1.
    seed = np.repeat([0, 1, 2], 4)
    example = np.r_[0:4, 0:4, 4:8]
    covariance = 2.0 * (example[:, None] == example) + np.eye(12)
    A = (np.eye(3) - 1 / 3) @ (np.repeat(np.eye(3), 4, axis=1) / 4)
    truth_example = covariance.sum() / 144
    truth_noise = np.trace(A @ covariance @ A.T) / 2
    values = np.random.default_rng(0).multivariate_normal(np.zeros(12), covariance, 4000)
    found = [summarise(v, np.zeros(12, int), seed, example) for v in values]
    assert np.mean([c.example for c in found]) == pytest.approx(truth_example, rel=0.06)
    assert np.mean([c.noise for c in found]) == pytest.approx(truth_noise, rel=0.06)


def test_a_constant_has_exactly_no_variance():
    cells = summarise(np.full(30, 0.1), [0] * 30, np.repeat([0, 1, 2], 10), np.arange(30))
    assert cells.example.tolist() == [0.0]
    assert not cells.deviations.any()


def test_the_order_of_entries_does_not_matter():
    rng = np.random.default_rng(1)
    table = rng.normal(size=60), np.repeat([0, 1], 30), np.tile([0, 1, 2], 20), np.arange(60)
    shuffle = rng.permutation(60)
    a, b = summarise(*table), summarise(*(column[shuffle] for column in table))
    assert a.example == pytest.approx(b.example)
    assert a.noise == pytest.approx(b.noise)
    assert np.array_equal(a.counts, b.counts)


def test_an_environment_of_single_entries_borrows_the_others_noise():
    cells = summarise([0.0, 2.0, 5.0], [0, 0, 1], [0, 0, 0], [0, 1, 2])
    assert cells.example_degrees.tolist() == [1, 0]
    borrowed = borrow(cells)
    # Environment 0 has variance 2 per example.
    assert borrowed.example == pytest.approx([1.0, 2.0])
    assert borrowed.example_degrees.tolist() == [1, PRIOR_DEGREES]


def test_steady_raises_low_noise_and_keeps_high_noise():
    cells = summarise([0.0, 0.0, 0.0, 0.0, 2.0, 4.0], [0] * 3 + [1] * 3, [0] * 6, np.arange(6))
    # Variances per example 0 and 4, both on 2 degrees of freedom; pooled 2.
    steadied = steady(cells)
    assert steadied.example == pytest.approx([(5 * 2 + 2 * 0) / 7 / 3, 4 / 3])
    assert steadied.example_degrees == pytest.approx([7, 2])


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (([], [], [], []), "at least|one number"),
        (([1.0, 2.0], [0, 0], [0, 0], [0]), "example has shape"),
        (([1.0, np.nan], [0, 0], [0, 0], [0, 1]), "entry 1"),
        (([1.0, 2.0], [0.5, 0.5], [0, 0], [0, 1]), "whole numbers"),
        (([1.0, 2.0], [0, 0], [3, 3], [11, 11]), "Example 11 appears twice"),
        (([1.0, 2.0], [0, 1], [0, 1], [11, 11]), "Example 11 appears in two environments"),
    ],
)
def test_unusable_columns_are_named(table, match: str):
    with pytest.raises(UsageError, match=match):
        summarise(*table)
