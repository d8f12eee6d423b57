"""Bradley-Terry: two methods in closed form, several against a logistic regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.bradley_terry import DEPENDENT, FEW, NEVER_LOSES, bradley_terry
from gengap.statistics.votes import count_votes


def table_of(seed: int, methods: int = 6, environments: int = 40) -> np.ndarray:
    """Scores with ties and missing cells."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 8, (methods, environments)) + np.arange(methods)[:, None] / 2
    table = table.round()
    table[rng.random(table.shape) < 0.3] = np.nan
    return table


def test_two_methods_in_closed_form():
    # 6 wins to 2: log-odds log 3, variance 1/6 + 1/2.
    scores = [[1] * 6 + [0] * 2, [0] * 6 + [1] * 2]
    fit = bradley_terry(scores)
    np.testing.assert_allclose(fit.estimate, [math.log(3) / 2, -math.log(3) / 2])
    chance = fit.chance(0, 1)
    half = stats.norm.ppf(0.975) * math.sqrt(1 / 6 + 1 / 2)
    assert chance.estimate == pytest.approx(0.75)
    assert chance.low == pytest.approx(1 / (1 + math.exp(half - math.log(3))))
    assert fit.interval(0).half_width == pytest.approx(half / 2)
    assert fit.note == ""


def test_ties_are_half_wins():
    tied = bradley_terry([[1, 1, 0, 1], [0, 1, 1, 0]])  # 2 wins, 1 loss, 1 tie
    assert tied.beats[0, 1] == pytest.approx(2.5 / 4)


@pytest.mark.parametrize("seed", range(4))
def test_against_logistic_regression(seed: int):
    scores = table_of(seed)
    wins = count_votes(scores).wins
    first, second = np.triu_indices(6, 1)
    number = (wins + wins.T)[first, second]
    design = (np.eye(6)[first] - np.eye(6)[second])[:, 1:]
    family = sm.families.Binomial()
    fit = sm.GLM(wins[first, second] / number, design, family=family, var_weights=number).fit()
    raw = np.r_[0, fit.params]
    centre = np.eye(6) - 1 / 6
    found = bradley_terry(scores)
    np.testing.assert_allclose(found.estimate, centre @ raw, atol=1e-7)
    covariance = centre[:, 1:] @ fit.cov_params() @ centre[:, 1:].T
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5, atol=1e-8)
    assert found.note == DEPENDENT


def test_bootstrap_is_seeded_and_agrees_with_a_plain_loop():
    scores = table_of(0, environments=60)
    found = bradley_terry(scores, replicates=400, seed=1)
    again = bradley_terry(scores, replicates=400, seed=1)
    np.testing.assert_array_equal(found.low, again.low)
    rng = np.random.default_rng(5)
    draws = [bradley_terry(scores[:, rng.integers(60, size=60)]).estimate for _ in range(400)]
    spread = np.std(draws, axis=0, ddof=1)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), spread, rtol=0.2)
    assert np.all(found.low < found.estimate)
    assert np.all(found.estimate < found.high)


def test_few_environments_are_said():
    scores = np.random.default_rng(0).normal(size=(3, 9))
    assert FEW in bradley_terry(scores, replicates=50).note


def test_a_method_that_never_loses_stays_finite_without_limits():
    fit = bradley_terry([[1, 1, 1], [0, 0, 0]])
    assert fit.note == NEVER_LOSES
    assert fit.beats[0, 1] == pytest.approx(3.5 / 4)
    assert not fit.interval(0).defined
    assert not fit.chance(0, 1).defined
    assert fit.ranking.order == (0, 1)


def test_extreme_but_finite_strengths():
    fit = bradley_terry(np.array([[1] * 9999 + [0], [0] * 9999 + [1]]))
    assert fit.estimate[0] - fit.estimate[1] == pytest.approx(math.log(9999))


def test_unusable_input():
    with pytest.raises(UsageError, match="level"):
        bradley_terry([[1, 0], [0, 1]], level=95)
    with pytest.raises(UsageError, match="replicates is 5"):
        bradley_terry([[1, 0], [0, 1]], replicates=5)
    with pytest.raises(UsageError, match="linked"):
        bradley_terry([[1, np.nan], [np.nan, 1]])


@pytest.mark.slow
def test_coverage_is_what_the_docstring_says():
    truth = np.linspace(-1, 1, 6)
    held = {0: [], 200: []}
    for seed in range(300):
        scores = truth[:, None] + np.random.default_rng(seed).gumbel(size=(6, 40))
        for replicates, hits in held.items():
            fit = bradley_terry(scores, replicates=replicates, seed=seed)
            hits.append((fit.low <= truth) & (truth <= fit.high))
    assert 0.79 < np.mean(held[0]) < 0.86
    assert 0.90 < np.mean(held[200]) < 0.95
