"""The half-width over fresh data: its two ends, and what each mean square does to it."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from gengap.statistics.fresh_data import MeanSquare, posterior_half_width

NOTHING = MeanSquare(0.0, 0.0, 0.0)
SURE = 1e6


def half(runs: float, noise: float, seeds: float, spread: MeanSquare = NOTHING) -> float:
    """Of an example part of 1 and a share of 1."""
    return posterior_half_width(
        1.0, SURE, 1.0, MeanSquare(runs, noise, seeds), NOTHING, spread, 0.95
    )


def test_examples_alone_where_many_seeds_show_no_more():
    assert half(1e-6, 0.0, 1000.0) == pytest.approx(1.96, rel=0.01)


def test_few_degrees_of_examples_are_students():
    found = posterior_half_width(
        1.0, 4.0, 1.0, MeanSquare(1e-6, 0.0, 1000.0), NOTHING, NOTHING, 0.95
    )
    assert found == pytest.approx(stats.t.ppf(0.975, 4), rel=0.01)


@pytest.mark.parametrize("ratio", [0.5, 4.0])
def test_training_that_many_seeds_show_is_added_with_half_a_correlation(ratio: float):
    expected = 1.96 * math.sqrt(1 + ratio + math.sqrt(ratio))
    assert half(1 + ratio, 1.0, 4000.0) == pytest.approx(expected, rel=0.03)


def test_what_few_seeds_show_is_believed_as_far_as_it_exceeds_chance():
    widths = [half(square, 5.0, 4.0) for square in (1.0, 5.0, 10.0, 40.0)]
    assert widths == sorted(widths)
    assert widths[1] < 1.3 * 1.96
    assert widths[3] > 3 * 1.96


def test_environments_that_hardly_differ_bound_what_each_run_does():
    """An environment's own runs' effect, which nothing else shows."""
    inside = MeanSquare(5.0, 4.0, 6.0)
    wide, narrow = (
        posterior_half_width(
            1.0, SURE, 1.0, MeanSquare(5.0, 4.0, 2.0), inside, MeanSquare(spread, 0.0, 19.0), 0.95
        )
        for spread in (30.0, 1.0)
    )
    assert narrow < 0.97 * wide
