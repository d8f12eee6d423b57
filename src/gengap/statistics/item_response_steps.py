"""The steps behind :mod:`gengap.statistics.item_response`, for all examples at once.

``posterior`` is ``(M, Q)``, the weights of the abilities on the grid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special

SLOPE_SPREAD = 0.5
INTERCEPT_SPREAD = 3.0
REACH = 6.0  # abilities on the grid, in standard deviations


class Model(NamedTuple):
    """Answers, and what they say of the examples so far.

    Attributes:
        right, asked: ``(M, N)`` of 0 and 1.
        grid: ``(Q,)`` abilities.
        slope, intercept: ``(N,)`` log discriminations and intercepts: the chance of a right answer
            at ability ``theta`` is ``expit(exp(slope) theta + intercept)``.
    """

    right: np.ndarray
    asked: np.ndarray
    grid: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray

    @property
    def logit(self) -> np.ndarray:
        """Of a right answer, ``(N, Q)``."""
        return np.exp(self.slope)[:, None] * self.grid + self.intercept[:, None]


def ability_grid(examples: int) -> np.ndarray:
    """Abilities at about half the width of a posterior from so many examples."""
    return np.linspace(-REACH, REACH, max(61, 2 * math.ceil(2.75 * math.sqrt(examples)) + 1))


def posterior_of(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Posterior weights ``(M, Q)`` of the abilities and marginal log likelihoods ``(M,)``."""
    logit, prior = model.logit, -(model.grid**2) / 2
    joint = model.right @ logit + model.asked @ special.log_expit(-logit)
    joint += prior - special.logsumexp(prior)
    marginal = special.logsumexp(joint, axis=1)
    return np.exp(joint - marginal[:, None]), marginal


def moments_of(posterior: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and standard deviations ``(M,)``."""
    mean = posterior @ grid
    return mean, np.sqrt(np.maximum(posterior @ grid**2 - mean**2, 0.0))


def newton_step(model: Model, posterior: np.ndarray) -> Model:
    """The model after Newton's step for log discriminations and intercepts."""
    right, asked, grid, slope, intercept = model
    chance = special.expit(model.logit)
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
    steeper, easier = np.clip(step, [[-0.5], [-1.0]], [[0.5], [1.0]])
    return model._replace(slope=slope + steeper, intercept=intercept + easier)


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


def recentred(model: Model, posterior: np.ndarray) -> Model:
    """Move the abilities' mean and spread back to 0 and 1, the examples with them.

    Maximises the expected log density of ``(theta - mean) / exp(log_spread)`` and the priors.
    """
    _, _, grid, slope, intercept = model
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
    return model._replace(slope=slope + log_spread, intercept=intercept + a * mean)


def observed_information(model: Model, posterior: np.ndarray) -> np.ndarray:
    """Louis: what known abilities would tell, less the variance that not knowing them leaves."""
    right, asked, grid, slope, _ = model
    chance = special.expit(model.logit)
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
