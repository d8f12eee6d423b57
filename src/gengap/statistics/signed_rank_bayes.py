"""How probable is it that a method is better, as good as equal, or worse? The Bayesian signed rank.

A p-value does not say it; a posterior does. The distribution of differences over environments gets
a Dirichlet process prior of strength ``s`` at one pseudo-difference ``z_0 = 0``. Given differences
``z_1, ..., z_n`` the posterior is a random weighting ``w ~ Dirichlet(s, 1, ..., 1)`` of
``z_0, ..., z_n``, and the chances that the mean of two draws lies left of, inside, or right of the
region of practical equivalence ``[-rope, rope]`` are

    left   = sum_ij w_i w_j [z_i + z_j < -2 rope]
    within = sum_ij w_i w_j [|z_i + z_j| <= 2 rope]
    right  = sum_ij w_i w_j [z_i + z_j > 2 rope]

(Walsh averages, as in Wilcoxon's test). The posterior probability of each verdict is the share of
draws of ``w`` in which it is the largest of the three.

It helps where the question is a decision. It hurts with a handful of environments, where it is more
certain than they warrant, since the posterior knows no differences but those seen and 0
(docs/results.md). The region must be named beforehand.

Sources: A. Benavoli, F. Mangili, G. Corani, M. Zaffalon & F. Ruggeri, A Bayesian Wilcoxon
signed-rank test based on the Dirichlet process, ICML 2014, 1026-1034. A. Benavoli, G. Corani,
J. Demšar & M. Zaffalon, Time for a change: a tutorial for comparing multiple classifiers through
Bayesian analysis, Journal of Machine Learning Research 18 (2017), 77:1-36.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.paired import environment_means

BLOCK = 5_000


@dataclass(frozen=True)
class SignedRankPosterior:
    """Posterior probabilities of the three verdicts; they sum to 1.

    Attributes:
        left: that differences are mostly below ``-rope``: the second method is better.
        within: that they are mostly inside ``[-rope, rope]``: as good as equal.
        right: that they are mostly above ``rope``: the first method is better.
        rope: half the width of the region of practical equivalence.
        environments: how many differences there were.
        draws: number of posterior draws; a probability ``p`` is good to
            ``sqrt(p (1 - p) / draws)``.
    """

    left: float
    within: float
    right: float
    rope: float
    environments: int
    draws: int


def signed_rank_posterior(
    differences: ArrayLike,
    rope: float,
    *,
    prior_strength: float = 0.5,
    draws: int = 50_000,
    seed: int = 0,
) -> SignedRankPosterior:
    """Probabilities that the first method is worse, as good as equal, or better.

    Args:
        differences: ``(E,)`` or ``(E, S)`` score of the first method minus that of the second on
            the same environment (and seed); NaN where missing. Environments are the units.
        rope: differences up to this do not matter, at least 0, in the unit of the score.
        prior_strength: weight of the pseudo-difference 0, in environments.
        draws: number of posterior draws.
        seed: of those.

    Raises:
        UsageError: unusable differences, or an argument outside its range.
    """
    values = environment_means(differences)
    if not 0 <= rope < math.inf:
        raise UsageError(f"rope is {rope}; give the largest difference that does not matter.")
    if not 0 < prior_strength < math.inf:
        raise UsageError(f"prior_strength is {prior_strength}; give a positive number, e.g. 0.5.")
    if draws < 1:
        raise UsageError(f"draws is {draws}; give a positive number, e.g. 50000.")
    left, right = _outside(np.concatenate([[0.0], values]), rope)
    rng = generator(seed, "signed rank posterior")
    strengths = np.concatenate([[prior_strength], np.ones(len(values))])
    wins = np.zeros(3)
    for start in range(0, draws, BLOCK):
        weights = rng.dirichlet(strengths, size=min(BLOCK, draws - start))
        wins += _wins(weights, left, right)
    shares = wins / draws
    return SignedRankPosterior(
        float(shares[0]), float(shares[1]), float(shares[2]), rope, len(values), draws
    )


def _outside(points: np.ndarray, rope: float) -> tuple[np.ndarray, np.ndarray]:
    """Which pairs ``(n + 1, n + 1)`` of points have their mean left and right of the region."""
    means = (points[:, None] + points[None, :]) / 2
    # Scores are decimals: a mean on the border belongs inside, whatever rounding did to it.
    border = rope + 1e-12 * float(np.abs(points).max())
    return (means < -border).astype(np.float64), (means > border).astype(np.float64)


def _wins(weights: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """In how many draws ``(B, n + 1)`` each verdict is the likeliest, ties shared, ``(3,)``."""
    below = np.sum(weights @ left * weights, axis=1)
    above = np.sum(weights @ right * weights, axis=1)
    chances = np.stack([below, 1 - below - above, above], axis=1)
    largest = chances == chances.max(axis=1, keepdims=True)
    return np.asarray((largest / largest.sum(axis=1, keepdims=True)).sum(axis=0))
