"""Regressions that the parts rest on, against other implementations and worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeCV

from gengap.statistics.decomposition.expected import ALPHAS, expected, ridge_fit
from gengap.statistics.decomposition.gaussians import log_densities
from gengap.statistics.decomposition.own import own_loss
from gengap.statistics.decomposition.shares import loss_of_labels, same_shares


def test_ridge_is_scikit_learns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    Y = X @ rng.normal(size=(4, 2)) + rng.normal(size=(60, 2))
    own = ridge_fit(X, Y, np.ones(60))
    best = RidgeCV(ALPHAS, gcv_mode="eigen").fit(X, Y)
    np.testing.assert_allclose(own[:-1].T, best.coef_, atol=0.02)
    np.testing.assert_allclose(own[-1], best.intercept_, atol=0.02)


def test_ridge_with_more_features_than_rows_predicts_as_its_dual():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(20, 50)), rng.normal(size=(20, 1))
    narrow = ridge_fit(X, Y, np.ones(20))
    padded = ridge_fit(np.concatenate([X, np.zeros((20, 1))], axis=1), Y, np.ones(20))
    np.testing.assert_allclose(padded[:50], narrow[:50], atol=1e-8)


def test_expected_outcomes_of_noise_are_its_mean():
    rng = np.random.default_rng(2)
    outcome = rng.normal(3.0, 1.0, (300, 1))
    found = expected(rng.normal(size=(300, 3)), outcome, np.ones(300), np.arange(300) % 3, 0)
    np.testing.assert_allclose(found, outcome.mean(), atol=0.3)


def test_densities_are_normal():
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(size=(4000, 2)), 2 + 0.5 * rng.normal(size=(4000, 2))])
    code = np.repeat([0, 1], 4000)
    new = rng.normal(size=(5, 2)) + 1
    found = log_densities(X, code, np.ones(8000), new, common=False)
    exact = [
        stats.multivariate_normal.logpdf(new, [m, m], s**2) for m, s in ((0.0, 1.0), (2.0, 0.5))
    ]
    np.testing.assert_allclose(found[:, 0] - found[:, 1], exact[0] - exact[1], rtol=0.15, atol=0.5)


@pytest.mark.parametrize("flipped", [False, True])
def test_own_corrections_learn_an_environments_relation_and_nothing_else(flipped):
    rng = np.random.default_rng(4)
    environment = np.repeat([0, 1], 150)
    x = rng.normal(size=(300, 1))
    slope = np.where((environment == 1) & flipped, -1.0, 1.0)
    y = slope[:, None] * x + 0.1 * rng.normal(size=(300, 1))
    loss, chosen = own_loss(
        x, environment, x, y, np.ones(300), np.arange(300) % 3,
        lambda made: ((made - y) ** 2)[:, 0], 0,
    )  # fmt: skip
    assert loss.mean() == pytest.approx(0.01, rel=0.4)
    assert (chosen == "ridge") >= flipped


def test_weights_give_all_environments_the_same_shares():
    label = np.array([0] * 30 + [1] * 10 + [0] * 10 + [1] * 30)
    environment, weight = np.repeat([0, 1], 40), np.full(80, 1 / 40)
    found = same_shares(label, environment, weight)
    assert found is not None
    for k in (0, 1):
        own = environment == k
        np.testing.assert_allclose(np.bincount(label[own], found[own]), [0.5, 0.5])
    assert same_shares(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), np.ones(4)) is None
    # Of three quarters the log loss is the entropy of (3/4, 1/4).
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert loss_of_labels(label, environment, weight, np.arange(80) % 2) == pytest.approx(
        entropy, abs=0.02
    )
