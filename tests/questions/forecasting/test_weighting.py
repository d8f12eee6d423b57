from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gengap.base.errors import UsageError
from gengap.questions.forecasting import density_ratio, importance_weighted

SHIFT = 1.0


def test_known_weights_give_the_closed_form_of_a_gaussian_shift():
    # On a grid of quantiles the sums are integrals: N(0, 1) weighted to N(1, 1).
    x = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    found = importance_weighted(x < 0, np.exp(SHIFT * x - SHIFT**2 / 2))
    assert found.estimate == pytest.approx(norm.cdf(-SHIFT), abs=1e-4)
    # E[w^2] = exp(shift^2), so n / exp(1) examples' worth.
    assert found.effective_size / 200_000 == pytest.approx(np.exp(-1), rel=1e-2)


def test_the_learnt_ratio_is_the_true_one_where_its_logarithm_is_linear():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((20_000, 2))
    target = rng.standard_normal((10_000, 2)) + np.array([SHIFT, 0])
    ratio = density_ratio(source, target)
    true = np.exp(SHIFT * source[:, 0] - SHIFT**2 / 2)
    assert ratio.shape == (20_000,)
    assert np.median(np.abs(np.log(ratio / true))) < 0.03
    accuracy = importance_weighted(source[:, 0] < 0, ratio).estimate
    assert accuracy == pytest.approx(norm.cdf(-SHIFT), abs=0.02)


def test_no_shift_and_constant_features_change_nothing():
    source = np.column_stack([np.arange(10.0), np.ones(10)])
    weights = density_ratio(source, np.repeat(source, 3, axis=0))
    np.testing.assert_allclose(weights, 1.0, atol=1e-3)


def test_importance_weighted_by_hand():
    found = importance_weighted([1, 1, 0, 0], [3, 1, 1, 1])
    assert found.estimate == pytest.approx(4 / 6)
    assert found.effective_size == pytest.approx(36 / 12)
    assert importance_weighted([2.0, 4.0], [0.5, 0.5]).estimate == 3.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: importance_weighted([1, 0], [0, 0]), "not all 0"),
        (lambda: importance_weighted([1, 0], [1, -1]), "at least 0"),
        (lambda: importance_weighted([1, 0, 1], [1, 1]), "2 finite numbers"),
        (lambda: importance_weighted([1, np.nan], [1, 1]), "finite"),
        (lambda: density_ratio(np.zeros((3, 2)), np.zeros((3, 1))), "shapes"),
        (lambda: density_ratio(np.full((3, 2), np.nan), np.zeros((3, 2))), "finite"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(UsageError, match=words):
        call()
