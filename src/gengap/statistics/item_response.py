"""How hard each example is and how able each model: two-parameter logistic item response theory.

A share of right answers depends on which models answered; a difficulty does not. Model ``m`` of
ability ``theta`` answers example ``j`` of difficulty ``b`` and discrimination ``a`` rightly with
probability

    P = 1 / (1 + exp(-a (theta - b))),    theta ~ N(0, 1),

so difficulties are in standard deviations of the abilities of the models fitted, 0 the average
model. Marginal maximum likelihood integrates the abilities out: an E step gives the posterior of
each ability on a grid, an M step is one Newton step for all examples at once. The grid is even and
grows with the number of examples: Gauss-Hermite nodes of a fixed number lie farther apart than a
posterior from hundreds of examples is wide, and the integral is then that of one node.

*Priors.* An example that every model gets right or wrong has no finite maximum. Each log
discrimination is therefore drawn to their average with standard deviation 0.5, that average to 0
with standard deviation 1, and each intercept ``-a b`` to its average with standard deviation 3.

*Speed.* Abilities and examples can trade scale and origin at almost no change of likelihood, which
makes plain EM crawl when examples outnumber models. So each iteration also moves mean and spread of
the abilities to where their posteriors are and back to N(0, 1) together with the examples.

It helps with many examples, each answered by ten models or more; with fewer the difficulties are
little more than the prior and the share of right answers. It hurts where a model's ability decided
what it was asked other than through its recorded answers: examples put to the better half of the
models only come out 0.3 to 0.6 too easy. All discriminations are positive: an example that better
models fail (a wrong label, often) shows as one that hardly discriminates.

Sources: R. D. Bock & M. Aitkin, Marginal maximum likelihood estimation of item parameters,
Psychometrika 46 (1981), 443-459; C. Liu, D. Rubin & Y. N. Wu, Parameter expansion to accelerate EM,
Biometrika 85 (1998), 755-770; T. A. Louis, Finding the observed information matrix when using the
EM algorithm, Journal of the Royal Statistical Society B 44 (1982), 226-233; use on benchmarks: M.
Ding et al., Easy2Hard-Bench, arXiv:2409.18433 (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.item_response_steps import (
    INTERCEPT_SPREAD,
    SLOPE_SPREAD,
    Model,
    ability_grid,
    inverse_of,
    moments_of,
    newton_step,
    observed_information,
    posterior_of,
    recentred,
)

MOST_ITERATIONS = 1000
TOLERANCE = 1e-6  # largest move of a log discrimination or an intercept in one iteration


@dataclass(frozen=True, repr=False)
class ItemResponse:
    """A fitted model of who answers what.

    Attributes:
        difficulty: ``(N,)`` ability at which half the models are right.
        discrimination: ``(N,)`` slope there, positive.
        difficulty_error: ``(N,)`` standard errors, the priors counted as information.
        discrimination_error: ``(N,)`` likewise.
        ability: ``(M,)`` posterior means.
        ability_error: ``(M,)`` posterior standard deviations.
        objective: marginal log likelihood plus log prior, up to a constant.
        converged: whether the parameters had stopped moving at the last iteration.
    """

    difficulty: np.ndarray
    discrimination: np.ndarray
    difficulty_error: np.ndarray
    discrimination_error: np.ndarray
    ability: np.ndarray
    ability_error: np.ndarray
    objective: float
    converged: bool

    def __repr__(self) -> str:
        state = "" if self.converged else ", not converged"
        return f"ItemResponse({len(self.ability)} models, {len(self.difficulty)} examples{state})"


def fit_item_response(correct: ArrayLike) -> ItemResponse:
    """Fit abilities, difficulties and discriminations.

    Args:
        correct: ``(M, N)`` 1 where a model answered an example rightly, 0 wrongly, NaN not at all.

    Raises:
        UsageError: other values, or a model or an example without answers.

    Example:
        >>> int(fit_item_response([[1, 1, 0], [1, 0, 0], [1, 1, 1]]).difficulty.argmax())
        2
    """
    right, asked = _answers(correct)
    share = (right.sum(0) + 0.5) / (asked.sum(0) + 1)
    grid = ability_grid(right.shape[1])
    model = Model(right, asked, grid, np.zeros(right.shape[1]), np.log(share / (1 - share)))
    move = math.inf
    for _ in range(MOST_ITERATIONS):
        before = model
        posterior, _ = posterior_of(model)
        model = recentred(newton_step(model, posterior), posterior)
        move = max(
            np.abs(model.slope - before.slope).max(),
            np.abs(model.intercept - before.intercept).max(),
        )
        if move < TOLERANCE:
            break
    return _described(model, bool(move < TOLERANCE))


def _answers(correct: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The right answers and the questions asked, both ``(M, N)`` of 0 and 1."""
    table = np.asarray(correct, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise UsageError(
            f"Item response theory needs a table of at least 2 models x 2 examples, not "
            f"{' x '.join(map(str, table.shape)) or 'a number'}."
        )
    right, asked = _zeros_and_ones(table)
    for axis, name in ((1, "Model"), (0, "Example")):
        idle = np.flatnonzero(asked.sum(axis) == 0)
        if len(idle):
            raise UsageError(f"{name} {idle[0]} has no answers; leave it out of the table.")
    return right, asked


def _zeros_and_ones(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wrong = table[~(np.isnan(table) | (table == 0) | (table == 1))]
    if wrong.size:
        raise UsageError(
            f"Answers must be 1 (right), 0 (wrong) or NaN (not asked), not {wrong[0]:g}."
        )
    return np.nan_to_num(table), (~np.isnan(table)).astype(np.float64)


def _described(model: Model, converged: bool) -> ItemResponse:
    slope, intercept = model.slope, model.intercept
    posterior, marginal = posterior_of(model)
    ability, error = moments_of(posterior, model.grid)
    a = np.exp(slope)
    difficulty = -intercept / a
    covariance = inverse_of(observed_information(model, posterior))
    # Of b = -d exp(-alpha): its derivatives by alpha and d are -b and -1/a.
    direction = np.stack([-difficulty, -1 / a])
    variance = np.einsum("in,ijn,jn->n", direction, covariance, direction)
    penalty = np.sum((slope - slope.mean()) ** 2) / (2 * SLOPE_SPREAD**2)
    penalty += slope.mean() ** 2 / 2
    penalty += np.sum((intercept - intercept.mean()) ** 2) / (2 * INTERCEPT_SPREAD**2)
    return ItemResponse(
        difficulty=difficulty,
        discrimination=a,
        difficulty_error=np.sqrt(variance),
        discrimination_error=a * np.sqrt(covariance[0, 0]),
        ability=ability,
        ability_error=error,
        objective=float(marginal.sum() - penalty),
        converged=converged,
    )
