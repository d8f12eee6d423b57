"""Segments: planted ones are found, none is confirmed where there is none, and what tests say."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from gengap.base.seeds import generator
from gengap.statistics.segments import Coded, Condition, confirm, search


def simulated(number: int, *, rows: int = 900, planted: float = 0.0, training: float = 0.0):
    """Six ordered columns of eight codes, one of four levels, eight environments, five seeds."""
    rng = generator(number, "simulated segments")
    codes = np.stack([rng.integers(0, 8, rows) for _ in range(6)] + [rng.integers(0, 4, rows)])
    coded = Coded(
        codes.astype(np.uint8), np.arange(7) < 6, np.array([8] * 6 + [4]), np.zeros(7, bool)
    )
    environment, seed = rng.integers(0, 8, rows), rng.integers(0, 5, rows)
    values = rng.normal(size=rows) + 0.3 * rng.normal(size=8)[environment]
    weights = training * rng.normal(size=(5, 6))
    values += np.sum(weights[seed] * (codes[:6].T / 3.5 - 1), axis=1)
    truth = (codes[0] >= 5) & (codes[6] == 2)
    return coded, values + planted * truth, environment * 5 + seed, seed, truth


def found_and_confirmed(number: int, **options):
    coded, values, stratum, seed, truth = simulated(number, **options)
    first, second = np.flatnonzero(seed < 2), np.flatnonzero(seed >= 2)
    rules = search(coded.take(first), values[first], fewest=20).rules
    masks = [coded.take(second).rows(rule) for rule in rules]
    own = values[second], stratum[second], seed[second] - 2, np.arange(len(second))
    return rules, confirm(masks, *own), masks, truth[second]


def test_a_planted_segment_is_found_and_confirmed():
    for number in range(2):
        rules, tested, masks, truth = found_and_confirmed(number, rows=1500, planted=1.2)
        assert tested.confirmed[0]
        shared = (masks[0] & truth).sum() / (masks[0] | truth).sum()
        assert shared > 0.5
        assert {c.column for c in rules[0]} >= {0, 6}
        assert not tested.confirmed[1:].any()


def test_where_there_is_none_none_is_confirmed():
    confirmed = [found_and_confirmed(number)[1].confirmed.any() for number in range(12)]
    assert np.sum(confirmed) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("training", [0.0, 0.1, 0.3])
def test_none_is_confirmed_in_more_than_five_percent_of_studies(training: float):
    studies = range(1000, 1400)
    confirmed = [found_and_confirmed(k, training=training)[1].confirmed.any() for k in studies]
    assert np.mean(confirmed) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(studies))


def test_an_excess_is_least_squares_with_a_constant_for_each_stratum():
    _, values, stratum, seed, truth = simulated(0, planted=1.0)
    one = np.zeros_like(seed)
    tested = confirm([truth], values, stratum, one, np.arange(len(values)))
    design = np.column_stack([truth, np.eye(40)[stratum]])
    fit = sm.OLS(values, design).fit()
    assert tested.excess[0].estimate == pytest.approx(fit.params[0])
    robust = fit.get_robustcov_results("HC0")
    assert tested.excess[0].half_width == pytest.approx(1.97 * robust.bse[0], rel=0.03)


def test_rows_that_belong_together_count_as_one():
    _, values, stratum, seed, truth = simulated(0)
    one, twice = np.zeros_like(seed), np.concatenate
    rows = np.arange(len(values))
    single = confirm([truth], values, stratum, one, rows).excess[0]
    double = confirm(
        [twice([truth, truth])], twice([values, values]), twice([stratum, stratum]),
        twice([one, one]), twice([rows, rows]),
    ).excess[0]  # fmt: skip
    assert double.half_width == pytest.approx(single.half_width)


def test_what_differs_between_seeds_makes_limits_wider():
    narrow, wide = (
        found_and_confirmed(5, planted=1.2, training=training)[1].excess[0].half_width
        for training in (0.0, 0.6)
    )
    assert wide > 1.5 * narrow


def test_a_search_finds_the_best_single_condition_by_hand():
    codes = np.repeat([[0, 1, 2, 3]], 50, axis=0).T.reshape(1, -1).astype(np.uint8)
    coded = Coded(codes, np.array([True]), np.array([4]), np.array([False]))
    values = np.repeat([0.0, 0.0, 1.0, 1.0], 50)
    found = search(coded, values, fewest=20)
    assert found.rules == ((Condition(0, 2, 3),),)
    # Centred, the rule's 100 values are 1/2 and their standard deviation is 1/2.
    assert found.z[0] == pytest.approx(100 * 0.5 / (0.5 * np.sqrt(100 * 0.5)))


def test_nothing_is_found_where_all_values_agree():
    coded, values, *_ = simulated(0)
    assert search(coded, np.ones_like(values)).rules == ()
