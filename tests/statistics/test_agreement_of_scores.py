"""Agreement of scores inside and outside: signs, closed forms, and how often limits hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.agreement_of_scores import agreement, mean_over_environments


def points(number: int, sign: float, environments: int = 8, models: int = 12, seeds: int = 2):
    """Models of a quality of their own; how it counts outside differs between environments."""
    rng = generator(number, "points")
    cell = np.repeat(np.arange(environments * seeds), models)
    environment = cell // seeds
    quality = np.tile(rng.normal(size=models), environments * seeds)
    worth = sign + rng.normal(size=environments)
    inside = quality + 0.1 * rng.normal(size=len(cell)) + rng.normal(size=environments)[environment]
    outside = worth[environment] * quality + 3 * rng.normal(size=environments)[environment]
    return inside, outside, cell, environment


@pytest.mark.parametrize("sign", [-2.0, 2.0])
def test_the_sign_is_found_whatever_environments_differ_by(sign: float):
    found = agreement(*points(0, sign))
    assert found.slope.excludes(0)
    assert np.sign(found.slope.estimate) == np.sign(found.rank.estimate) == np.sign(sign)
    assert found.models == 12


def test_the_slope_is_that_of_least_squares_with_a_constant_for_each_cell():
    x, y, cell, environment = points(1, 1.0)
    design = np.column_stack([x, np.eye(16)[cell]])
    fit = np.linalg.lstsq(design, y, rcond=None)[0]
    assert agreement(x, y, cell, environment).slope.estimate == pytest.approx(fit[0])


def test_rank_correlations_are_scipys_averaged():
    x, y, cell, environment = points(2, 1.0, environments=4)
    own = [stats.spearmanr(x[cell == c], y[cell == c]).statistic for c in range(8)]
    np.testing.assert_allclose(
        agreement(x, y, cell, environment).by_environment, np.reshape(own, (4, 2)).mean(1)
    )


def test_limits_count_environments_not_models():
    """No relation on average: eight environments that differ, three hundred points."""
    told = [agreement(*points(k, 0.0)) for k in range(80)]
    assert np.mean([t.rank.excludes(0) for t in told]) <= 0.10
    assert np.mean([t.slope.excludes(0) for t in told]) <= 0.10


def test_two_environments_have_no_limits():
    found = agreement(*points(3, 1.0, environments=2))
    assert not found.rank.defined
    assert not found.slope.defined
    assert not mean_over_environments(np.ones(4), np.array([0, 0, 1, 1])).defined


def test_the_mean_weighs_environments_alike():
    found = mean_over_environments(np.array([0.0, 0.0, 3.0, 6.0]), np.array([0, 0, 1, 2]))
    assert found.estimate == pytest.approx(3.0)
