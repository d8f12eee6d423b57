"""Plackett-Luce: brute-force likelihood, and Cox regression of statsmodels, which it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import optimize
from statsmodels.duration.hazard_regression import PHReg

from gengap.base.errors import UsageError
from gengap.statistics.bradley_terry import NEVER_LOSES, bradley_terry
from gengap.statistics.plackett_luce import plackett_luce


def minus_log_likelihood(free: np.ndarray, orders: list[list[int]]) -> float:
    strength = np.append(free, 0.0)
    total = 0.0
    for order in orders:
        for place, item in enumerate(order):
            total += strength[item] - math.log(np.exp(strength[order[place:]]).sum())
    return -total


def test_against_brute_force_with_missing_cells():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 25)) + np.array([[0.6], [0.0], [-0.3], [0.2]])
    scores[rng.random(scores.shape) < 0.25] = np.nan
    orders = [
        [int(m) for m in np.argsort(-column) if not np.isnan(column[m])] for column in scores.T
    ]
    best = optimize.minimize(minus_log_likelihood, np.zeros(3), args=(orders,), tol=1e-10)
    raw = np.append(best.x, 0.0)
    np.testing.assert_allclose(plackett_luce(scores).estimate, raw - raw.mean(), atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_against_cox_regression_with_ties(seed: int):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (5, 30)) + np.arange(5.0)[:, None].round()
    scores[rng.random(scores.shape) < 0.2] = np.nan
    method, environment = np.nonzero(~np.isnan(scores))
    cox = PHReg(
        100 - scores[method, environment],
        np.eye(5)[method][:, 1:],
        strata=environment,
        ties="efron",
    ).fit()
    raw = np.r_[0, cox.params]
    centre = np.eye(5) - 1 / 5
    found = plackett_luce(scores)
    np.testing.assert_allclose(found.estimate, centre @ raw, atol=1e-7)
    covariance = centre[:, 1:] @ cox.cov_params() @ centre[:, 1:].T
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6, atol=1e-9)


def test_two_methods_without_ties_are_bradley_terry():
    scores = [[1] * 6 + [0] * 2, [0] * 6 + [1] * 2]
    pairs, rankings = bradley_terry(scores), plackett_luce(scores)
    np.testing.assert_allclose(rankings.estimate, pairs.estimate)
    np.testing.assert_allclose(rankings.low, pairs.low)


def test_a_tie_of_two_counts_as_a_win_each():
    fit = plackett_luce([[1, 1, 0, 1], [0, 1, 1, 0]])  # 2 wins, 1 loss, 1 tie
    assert fit.beats[0, 1] == pytest.approx(3 / 5)


def test_all_orders_once_make_methods_equal():
    orders = np.array(list(itertools.permutations(range(4)))).T
    np.testing.assert_allclose(plackett_luce(orders).estimate, 0.0, atol=1e-9)


def test_bootstrap_is_seeded_and_agrees_with_a_plain_loop():
    scores = np.linspace(-1, 1, 4)[:, None] + np.random.default_rng(0).gumbel(size=(4, 50))
    found = plackett_luce(scores, replicates=200, seed=1)
    np.testing.assert_array_equal(found.low, plackett_luce(scores, replicates=200, seed=1).low)
    rng = np.random.default_rng(5)
    draws = [plackett_luce(scores[:, rng.integers(50, size=50)]).estimate for _ in range(200)]
    spread = np.std(draws, axis=0, ddof=1)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), spread, rtol=0.25)


def test_a_method_that_never_loses_stays_finite_without_limits():
    fit = plackett_luce([[3, 3, 3], [1, 2, 1], [2, 1, 2]])
    assert fit.note == NEVER_LOSES
    assert np.isfinite(fit.estimate).all()
    assert np.isnan(fit.low).all()
    assert fit.ranking.winners == (0,)


def test_limits_hold_the_truth_as_often_as_stated():
    truth = np.linspace(-1, 1, 6)
    hits = []
    for seed in range(150):
        scores = truth[:, None] + np.random.default_rng(seed).gumbel(size=(6, 20))
        fit = plackett_luce(scores)
        hits.append((fit.low <= truth) & (truth <= fit.high))
    assert 0.92 < np.mean(hits) < 0.98


def test_unusable_input():
    with pytest.raises(UsageError, match="linked"):
        plackett_luce([[1, np.nan], [np.nan, 1]])
    with pytest.raises(UsageError, match="replicates"):
        plackett_luce([[1, 0], [0, 1]], replicates=-1)
