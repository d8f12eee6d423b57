"""Views of several layers, ensembled: answers left out, and views that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gengap.base.errors import UsageError
from gengap.merges.layer_ensemble import _ridge, ensemble_layers


def test_answers_left_out_are_those_of_fits_without_the_example():
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    weights, intercept, left_out = _ridge(features, targets, 0.7)
    whole = Ridge(alpha=0.7).fit(features, targets)
    np.testing.assert_allclose(weights, whole.coef_.T)
    np.testing.assert_allclose(intercept, whole.intercept_)
    for k in range(12):
        keep = np.arange(12) != k
        fit = Ridge(alpha=0.7).fit(features[keep], targets[keep])
        np.testing.assert_allclose(left_out[k], fit.predict(features[[k]])[0])


def test_a_view_that_tells_all_counts_and_one_that_memorises_does_not():
    rng = np.random.default_rng(1)
    knows, noise = rng.normal(size=(60, 4)), rng.normal(size=(60, 50))
    targets = knows @ rng.normal(size=(4, 3)) + 1.5
    found = ensemble_layers([noise, knows], targets, ridge=1e-6)
    np.testing.assert_allclose(found.shares, [0, 1], atol=1e-3)
    new = rng.normal(size=(5, 4))
    right = new @ np.linalg.lstsq(np.c_[knows, np.ones(60)], targets, rcond=None)[0][:4] + 1.5
    np.testing.assert_allclose(found([rng.normal(size=(5, 50)), new]), right, atol=0.05)


def test_what_cannot_be_fitted():
    with pytest.raises(UsageError, match="Every view must have features of all examples"):
        ensemble_layers([np.ones((3, 2))], np.ones((4, 1)))
    with pytest.raises(UsageError, match="ridge is 0; give a penalty above 0"):
        ensemble_layers([np.ones((3, 2))], np.ones((3, 1)), ridge=0)
