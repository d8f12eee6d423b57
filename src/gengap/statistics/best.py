"""How sure can one be that a method has the best mean? A confidence for each, summing to 1.

The means of ``M`` methods over environments are uncertain in two ways: other environments and
other seeds. Each is drawn from Student's distribution. With ``r_me`` what environment ``e`` does to
method ``m`` beyond what it does to all, standard normal ``z`` and ``c`` of a chi-square,

    draw_m = mean_m + sum_e z_e r_me / sqrt(E (E - 1)) / sqrt(c_{E-1} / (E - 1)),

plus the same of seeds. What methods share cancels. The confidence of a method is the share of draws
in which its mean is the largest. For two methods and environments alone it is 1 minus the one-sided
p-value of Student's paired t-test: of two equal methods one reaches 95% in a tenth of tables,
however few the environments. (Environments drawn with replacement agree too often where they are
few, so shares of resamples do not hold that.)

The sum of two Student distributions is Behrens' and Fisher's: R. A. Fisher, The fiducial argument
in statistical inference, Annals of Eugenics 6 (1935), 391-398.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.seeds import generator
from gengap.statistics.votes import shared_ranks

DRAWS = 4_000


@dataclass(frozen=True, eq=False)
class Best:
    """What is known of which of ``M`` methods is best.

    Attributes:
        confidence: ``(M,)`` that a method has the best mean; ties share.
        rank_low: ``(M,)`` lower percentile of its rank over draws.
        rank_high: ``(M,)`` upper percentile.
    """

    confidence: np.ndarray
    rank_low: np.ndarray
    rank_high: np.ndarray


def best_mean(
    scores: np.ndarray,
    means: np.ndarray,
    *,
    crossed: bool,
    paired: bool,
    level: float = 0.95,
    seed: int = 0,
) -> Best | None:
    """Confidence that each method has the best mean.

    Args:
        scores: ``(M, E, S)`` larger is better, NaN where missing.
        means: ``(M,)`` their means, adjusted where cells are missing.
        crossed: whether a seed is the same in all environments.
        paired: whether it is the same for all methods too.
        level: share of draws between the rank limits.
        seed: of the draws.

    Returns:
        None where nothing tells how uncertain the means are: fewer than three environments, and
        one seed or seeds of their own in each.
    """
    M, E, S = scores.shape
    rng = generator(seed, "best mean")
    complete = bool(np.isfinite(scores).all())
    noise = np.zeros((DRAWS, M))
    by_environment = E >= 3
    by_seed = crossed and complete and S >= 2
    if not (by_environment or by_seed):
        return None
    if by_environment:
        noise += _draws(rng, _effects(scores))
    if by_seed:
        columns = scores.mean(axis=1)
        columns = columns - columns.mean(axis=1, keepdims=True)
        if paired:
            noise += _draws(rng, columns)
        else:
            noise += np.hstack([_draws(rng, column[None]) for column in columns])
    ranks = shared_ranks(means + noise)
    first = ranks == ranks.min(axis=1, keepdims=True)
    low, high = np.quantile(ranks, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Best((first / first.sum(axis=1, keepdims=True)).mean(axis=0), low, high)


def _effects(scores: np.ndarray) -> np.ndarray:
    """What environments do to methods ``(M, E)``, beyond what they do to all; 0 where missing.

    Methods with missing cells have fewer effects to average, hence larger ones in the sum.
    """
    present = np.isfinite(scores)
    table = np.where(present, scores, 0.0).sum(axis=2) / np.maximum(present.sum(axis=2), 1)
    there = present.any(axis=2)
    number = np.maximum(there.sum(axis=1, keepdims=True), 1)
    for _ in range(20):  # alternating projections: one step where nothing is missing
        table = table - _mean(table, there, axis=0)
        table = table - _mean(table, there, axis=1)
    E = scores.shape[1]
    inflation = np.sqrt(E * (E - 1) / np.maximum(number * (number - 1), 1))
    return np.where(there, table, 0.0) * inflation


def _mean(table: np.ndarray, there: np.ndarray, axis: int) -> np.ndarray:
    number = np.maximum(there.sum(axis=axis, keepdims=True), 1)
    return np.where(there, table, 0.0).sum(axis=axis, keepdims=True) / number


def _draws(rng: np.random.Generator, effects: np.ndarray) -> np.ndarray:
    """Draws ``(DRAWS, M)`` of the error of means of ``(M, n)`` effects, with n - 1 degrees."""
    n = effects.shape[1]
    z = rng.normal(size=(DRAWS, n))
    scale = np.sqrt(rng.chisquare(n - 1, size=(DRAWS, 1)) / (n - 1))
    return np.asarray(z @ effects.T / np.sqrt(n * (n - 1)) / scale)
