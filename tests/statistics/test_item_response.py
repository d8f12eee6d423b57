"""Item response theory against simulated truths, closed forms and a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from gengap.base.errors import UsageError
from gengap.statistics.item_response import fit_item_response


def simulated(models: int, examples: int, seed: int = 0):
    """Answers with the abilities, discriminations and difficulties behind them."""
    rng = np.random.default_rng(seed)
    ability = rng.standard_normal(models)
    slope = np.exp(0.2 + 0.4 * rng.standard_normal(examples))
    difficulty = 1.2 * rng.standard_normal(examples)
    chance = special.expit(slope * (ability[:, None] - difficulty))
    return (rng.random(chance.shape) < chance).astype(float), ability, slope, difficulty


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(100)


def penalised(parameters: np.ndarray, correct: np.ndarray) -> float:
    """The objective, its integrals over abilities by Gauss-Hermite quadrature."""
    slope, intercept = parameters.reshape(2, -1)
    chance = special.expit(np.exp(slope)[:, None] * NODES + intercept[:, None])  # (N, Q)
    total = 0.0
    for row in correct:
        asked = ~np.isnan(row)
        right = np.where(row[:, None] == 1, chance, 1 - chance)[asked].prod(axis=0)
        total += np.log(right @ WEIGHTS / WEIGHTS.sum())
    total -= np.sum((slope - slope.mean()) ** 2) / (2 * 0.5**2) + slope.mean() ** 2 / 2
    return float(total - np.sum((intercept - intercept.mean()) ** 2) / (2 * 3.0**2))


def parameters_of(fit) -> np.ndarray:
    slope = np.log(fit.discrimination)
    return np.concatenate([slope, -fit.discrimination * fit.difficulty])


TINY = np.array(
    [[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0], [1, np.nan, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1.0]]
)


def test_agrees_with_a_general_optimiser_on_an_independent_integral():
    fit = fit_item_response(TINY)
    found = optimize.minimize(lambda p: -penalised(p, TINY), np.zeros(6), tol=1e-9)
    np.testing.assert_allclose(parameters_of(fit), found.x, atol=2e-3)
    assert fit.objective == pytest.approx(-found.fun, abs=1e-5)


def test_the_gradient_of_the_objective_vanishes_at_the_solution():
    fit = fit_item_response(TINY)
    gradient = optimize.approx_fprime(parameters_of(fit), penalised, 1e-5, TINY)
    assert fit.converged
    assert np.abs(gradient).max() < 2e-4


def test_truth_is_recovered_within_its_standard_errors():
    correct, ability, slope, difficulty = simulated(500, 60)
    fit = fit_item_response(correct)
    assert np.corrcoef(fit.difficulty, difficulty)[0, 1] > 0.98
    assert np.corrcoef(fit.ability, ability)[0, 1] > 0.95
    assert fit.discrimination.mean() == pytest.approx(slope.mean(), rel=0.1)
    in_errors = (fit.difficulty - difficulty) / fit.difficulty_error
    assert 0.75 < np.sqrt(np.mean(in_errors**2)) < 1.3
    in_errors = (fit.ability - ability) / fit.ability_error
    assert 0.85 < np.sqrt(np.mean(in_errors**2)) < 1.15


def test_many_examples_and_few_models_converge():
    correct, _, _, difficulty = simulated(40, 600, seed=1)
    fit = fit_item_response(correct)
    assert fit.converged
    assert np.corrcoef(fit.difficulty, difficulty)[0, 1] > 0.9
    assert abs(fit.ability.mean()) < 0.05
    assert 0.9 < np.sqrt(np.mean(fit.ability**2 + fit.ability_error**2)) < 1.1


def test_symmetrical_answers_give_symmetrical_difficulties():
    # Turning every answer round mirrors the table, so difficulties must mirror about 0.
    correct = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    mirrored = np.concatenate([correct, 1 - correct[:, ::-1]])
    fit = fit_item_response(mirrored)
    np.testing.assert_allclose(fit.difficulty, -fit.difficulty[::-1], atol=1e-5)
    np.testing.assert_allclose(fit.discrimination, fit.discrimination[::-1], atol=1e-5)
    assert np.all(np.diff(fit.difficulty) > 0)


def test_examples_that_all_get_right_or_wrong_stay_finite():
    correct, *_ = simulated(30, 20)
    correct[:, 0], correct[:, 1] = 1.0, 0.0
    fit = fit_item_response(correct)
    assert np.isfinite([fit.difficulty, fit.difficulty_error, fit.discrimination_error]).all()
    assert fit.difficulty.argmin() == 0
    assert fit.difficulty.argmax() == 1


def test_difficulty_allows_for_who_answered():
    # Half the examples are put only to models that did well on the others, which inflates their
    # share of right answers.
    rng = np.random.default_rng(3)
    difficulty = np.linspace(-1, 1, 40)
    chance = special.expit(rng.standard_normal(400)[:, None] - difficulty)
    correct = (rng.random(chance.shape) < chance).astype(float)
    first_half = correct[:, 1::2].sum(1)
    correct[np.ix_(first_half < np.median(first_half), np.arange(0, 40, 2))] = np.nan
    fit = fit_item_response(correct)
    share = np.nanmean(correct, axis=0)
    assert abs(fit.difficulty[::2].mean() - fit.difficulty[1::2].mean()) < 0.15
    assert share[::2].mean() - share[1::2].mean() > 0.1


@pytest.mark.parametrize(
    ("correct", "says"),
    [
        ([[1, 0], [2, 0]], "not 2"),
        ([[1, 0]], "at least 2 models"),
        ([[1, 0], [np.nan, np.nan]], "Model 1 has no answers"),
        ([[1, np.nan], [0, np.nan]], "Example 1 has no answers"),
    ],
)
def test_unusable_tables(correct, says):
    with pytest.raises(UsageError, match=says):
        fit_item_response(correct)
