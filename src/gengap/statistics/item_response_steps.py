"""The steps behind :mod:`gengap.statistics.item_response`, for all examples at once.

Each example has a log discrimination ``slope`` and an ``intercept``, both ``(N,)``: the chance of a
right answer at ability ``theta`` is ``expit(exp(slope) theta + intercept)``. ``right`` and
``asked`` are ``(M, N)`` of 0 and 1; ``posterior`` is ``(M, Q)``, the weights of the abilities on
the grid.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

SLOPE_SPREAD = 0.5
INTERCEPT_SPREAD = 3.0
REACH = 6.0  # abilities on the grid, in standard deviations


def ability_grid(examples: int) -> np.ndarray:
    """Abilities at about half the width of a posterior from so many examples."""
    return np.linspace(-REACH, REACH, max(61, 2 * math.ceil(2.75 * math.sqrt(examples)) + 1))


def chance_of(slope: np.ndarray, intercept: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Chance of a right answer ``(N, Q)``."""
    return special.expit(np.exp(slope)[:, None] * grid + intercept[:, None])


def posterior_of(
    right: np.ndarray,
    asked: np.ndarray,
    slope: np.ndarray,
    intercept: np.ndarray,
    grid: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior weights ``(M, Q)`` of the abilities and marginal log likelihoods ``(M,)``."""
    logit = np.exp(slope)[:, None] * grid + intercept[:, None]
    prior = -(grid**2) / 2
    joint = right @ logit + asked @ special.log_expit(-logit) + prior - special.logsumexp(prior)
    marginal = special.logsumexp(joint, axis=1)
    return np.exp(joint - marginal[:, None]), marginal


def moments_of(posterior: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations ``(M,)``."""
    mean = posterior @ grid
    return mean, np.sqrt(np.maximum(posterior @ grid**2 - mean**2, 0.0))


def newton_step(
    right: np.ndarray,
    asked: np.ndarray,
    slope: np.ndarray,
    intercept: np.ndarray,
    posterior: np.ndarray,
    grid: np.ndarray,
) -> np.ndarray:
    """Newton's step, ``(2, N)``, for log discriminations and intercepts."""
    chance = chance_of(slope, intercept, grid)
    weight = asked.T @ posterior
    residual = right.T @ posterior - weight * chance
    tilt = np.exp(slope) * (residual @ grid)
    gradient = np.stack(
        [
            tilt - (slope - slope.mean()) / SLOPE_SPREAD**2 - slope.mean() / len(slope),
            residual.sum(1) - (intercept - intercept.mean()) / INTERCEPT_SPREAD**2,
        ]
    )
    information = information_of(slope, weight * chance * (1 - chance), grid)
    # The second derivative by a log discrimination, as far as it leaves the matrix positive.
    information[0, 0] -= np.minimum(tilt, 0.75 / SLOPE_SPREAD**2)
    step = np.einsum("ijn,jn->in", inverse_of(information), gradient)
    # Far from the maximum a full step can overshoot.
    return np.clip(step, [[-0.5], [-1.0]], [[0.5], [1.0]])


def information_of(slope: np.ndarray, weight: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Sums over nodes of ``weight (N, Q)`` times ``v v'``, ``v = (a theta, 1)``; with the prior."""
    a = np.exp(slope)
    both = a * (weight @ grid)
    slopes = a**2 * (weight @ grid**2) + 1 / SLOPE_SPREAD**2
    return np.array([[slopes, both], [both, weight.sum(1) + 1 / INTERCEPT_SPREAD**2]])


def inverse_of(matrix: np.ndarray) -> np.ndarray:
    """Inverses of symmetric ``(2, 2, N)``."""
    (a, b), (_, d) = matrix
    return np.array([[d, -b], [-b, a]]) / (a * d - b * b)


def recentred(
    slope: np.ndarray, intercept: np.ndarray, posterior: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Move the abilities' mean and spread back to 0 and 1, the examples with them.

    Maximises the expected log density of ``(theta - mean) / exp(log_spread)`` and the priors.
    """
    models, first, second = len(posterior), (posterior @ grid).sum(), (posterior @ grid**2).sum()
    a = np.exp(slope)
    pull = np.sum((a - a.mean()) * (intercept - intercept.mean())) / INTERCEPT_SPREAD**2
    stiffness = np.sum((a - a.mean()) ** 2) / INTERCEPT_SPREAD**2
    mean = log_spread = 0.0
    for _ in range(5):
        precision = math.exp(-2 * log_spread)
        mean = (first * precision - pull) / (models * precision + stiffness)
        rest = precision * (second - 2 * mean * first + models * mean**2)
        log_spread += (rest - models - slope.mean() - log_spread) / (2 * rest + 1)
    return slope + log_spread, intercept + a * mean


def observed_information(
    right: np.ndarray,
    asked: np.ndarray,
    slope: np.ndarray,
    intercept: np.ndarray,
    posterior: np.ndarray,
    grid: np.ndarray,
) -> np.ndarray:
    """Louis: what known abilities would tell, less the variance that not knowing them leaves."""
    chance = chance_of(slope, intercept, grid)
    weight = asked.T @ posterior
    complete = information_of(slope, weight * chance * (1 - chance), grid)
    squares = (right.T @ posterior) * (1 - 2 * chance) + weight * chance**2
    second = information_of(slope, squares, grid)
    prior = information_of(slope, np.zeros_like(squares), grid)
    score_slope = right * (posterior @ grid)[:, None] - asked * (posterior @ (chance * grid).T)
    score_slope *= np.exp(slope)
    score_intercept = right - asked * (posterior @ chance.T)
    both = np.sum(score_slope * score_intercept, axis=0)
    slopes, intercepts = np.sum(score_slope**2, axis=0), np.sum(score_intercept**2, axis=0)
    means = np.array([[slopes, both], [both, intercepts]])
    return complete - (second - prior) + means
