"""Means over crossed environments and seeds: limits against closed forms and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.crossed_means import (
    CrossedMeans,
    crossed_mean,
    half_width,
    mean_of_table,
    p_value,
    seed_part,
    seed_parts,
    skewness,
)


def additive(rng, size: tuple[int, int, int], common: float) -> np.ndarray:
    """``(studies, E, S)`` differences without a true mean, normal in all their parts."""
    studies, E, S = size
    return (
        rng.normal(size=(studies, E, 1))
        + common * rng.normal(size=(studies, 1, S))
        + rng.normal(size=size)
    )


def of_studies(d: np.ndarray) -> CrossedMeans:
    """All studies at once: the same sums as :func:`mean_of_table` makes of one."""
    seeds = d.shape[-1]
    return crossed_mean(d.mean(-1), (d.mean(-2).var(-1, ddof=1) / seeds, seeds - 1.0))


def test_one_part_alone_is_students_interval():
    values = np.array([1.0, 2.0, 4.0, 5.0])  # symmetric: no skewness to correct
    found = crossed_mean(values)
    expected = stats.ttest_1samp(values, 0.0)
    limits = expected.confidence_interval(0.95)
    assert float(found.p_value()) == pytest.approx(expected.pvalue, rel=1e-12)
    assert [float(end) for end in found.limits(0.95)] == pytest.approx(list(limits), rel=1e-12)


def test_the_half_width_of_two_parts_by_hand():
    h = half_width([0.04, 0.01], [9.0, 2.0], 0.95)
    by_hand = math.sqrt(stats.t.ppf(0.975, 9) ** 2 * 0.04 + stats.t.ppf(0.975, 2) ** 2 * 0.01)
    assert float(h) == pytest.approx(by_hand, rel=1e-12)
    assert float(p_value(h, [0.04, 0.01], [9.0, 2.0])) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("p", [0.5, 1e-3, 1e-12, 1e-40])
def test_the_p_value_turns_the_half_width_round(p):
    parts, degrees = [0.3, 0.02, 0.001], [30.0, 4.0, 9.0]
    t = np.array([stats.t.isf(p / 2, f) for f in degrees])
    assert float(p_value(math.sqrt(np.sum(t**2 * parts)), parts, degrees)) == pytest.approx(p)


def test_limits_exclude_zero_exactly_where_p_is_small_however_lopsided():
    rng = generator(0, "consistent")
    d = rng.exponential(size=(500, 6, 3)) - 0.4 + 0.3 * rng.normal(size=(500, 1, 3))
    found = of_studies(d)
    low, high = found.limits(0.9)
    outside = (low > 0) | (high < 0)
    np.testing.assert_array_equal(outside, found.p_value() < 0.1)
    assert 0.05 < outside.mean() < 0.95


def test_skewness_widens_the_side_of_the_short_tail():
    """A long tail below: what lies below the mean is rejected less readily, and not for less."""
    values = np.array([0.9, 1.0, 1.0, 1.1, 1.2, 0.2])
    found = crossed_mean(values)
    h = float(found.half_width(0.95))
    low, high = (float(end) for end in found.limits(0.95))
    assert high == pytest.approx(values.mean() + h, rel=1e-12)
    s, E = values.std(ddof=1), len(values)
    assert float(skewness(values)) == pytest.approx(stats.skew(values, bias=False), rel=1e-12)
    error = math.sqrt(6 * E * (E - 1) / ((E - 2) * (E + 1) * (E + 3)))
    k = -stats.skew(values, bias=False) - error
    assert k > 1
    u = (values.mean() - low) / s
    assert max(u - k * (u**2 / 3 + 1 / (6 * E)), u / 2) == pytest.approx(h / s, rel=1e-9)


def test_equivalence_is_two_one_sided_tests():
    values = np.array([-0.02, 0.01, 0.02, 0.03, -0.01, 0.0])
    found = crossed_mean(np.concatenate([values, values.mean() * 2 - values]))  # no skewness
    x = np.concatenate([values, values.mean() * 2 - values])
    one_sided = [
        stats.ttest_1samp(x, -0.02, alternative="greater").pvalue,
        stats.ttest_1samp(x, 0.02, alternative="less").pvalue,
    ]
    assert float(found.equivalence_p(0.02)) == pytest.approx(max(one_sided), rel=1e-9)
    assert float(found.equivalence_p(0.001)) > 0.5


def test_a_part_that_seeds_bring_is_the_variance_of_their_means():
    d = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 5.0]])
    by_seed = np.array([1.5, 2.0, 4.0])
    assert seed_part(d) == (pytest.approx(by_seed.var(ddof=1) / 3), 2.0)
    assert seed_part(d[:, :1]) == (0.0, 0.0)
    assert len(seed_parts(d, d[::-1], paired=True)) == 1
    assert len(seed_parts(d, d[::-1], paired=False)) == 2
    d[0, 1] = np.nan
    assert seed_part(d)[1] == 2.0
    assert seed_part(np.array([[1.0, np.nan], [np.nan, 2.0]])) == (0.0, 0.0)


def test_with_three_seeds_the_error_holds_however_large_the_common_effect():
    """Environments as units alone are wrong in most of them where seeds matter most."""
    rng = generator(1, "common seeds")
    for E in (5, 40):
        for common in (0.0, 1.0, 5.0):
            d = additive(rng, (4000, E, 3), common)
            low, high = of_studies(d).limits(0.95)
            share = float(np.mean((low > 0) | (high < 0)))
            assert share < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)
            if common >= 1:
                alone = np.mean(crossed_mean(d.mean(-1)).p_value() < 0.05)
                assert alone > 0.1


def test_a_table_and_many_tables_give_the_same():
    d = additive(generator(3, "one"), (3, 6, 4), 1.0)
    together = of_studies(d)
    alone = [mean_of_table(one) for one in d]
    np.testing.assert_allclose(together.p_value(), [float(one.p_value()) for one in alone])
    np.testing.assert_allclose(together.estimate, [float(one.estimate) for one in alone])
