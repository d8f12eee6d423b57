"""Is the stranger set clean?

Strangers for evaluation often hide inliers, and then even a perfect detector seems
to miss. With ``d(z)`` the distance to the nearest training example, let ``F`` be its distribution
for new inliers and ``G`` for the stranger set. If a share ``p`` of that set are inliers,
``G = p F + (1 - p) H``, so

    p <= G(t) / F(t)   for every t,

and the least ratio is the largest share of inliers that the distances allow. It is an upper limit
and no more: strangers as near as inliers count as inliers. (G. Blanchard, G. Lee & C. Scott,
Semi-supervised novelty detection, Journal of Machine Learning Research 11 (2010), 2973-3009.) Its
confidence bound widens ``G`` up and ``F`` down by the Dvoretzky-Kiefer-Wolfowitz margins. The
examples to look at first are the nearest. More than half of some popular stranger sets are inliers:
J. Bitterwolf et al., In or out?, ICML 2023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level

LEAST_INLIERS = 0.1  # ratios are taken where F is at least this, as below they are noise


@dataclass(frozen=True, eq=False)
class Contamination:
    """What may be inliers in a stranger set, nearest first.

    Attributes:
        share: largest share of hidden inliers that the distances allow; ``high`` bounds it with
            confidence, ``low`` is 0, as nearness never proves that an example is an inlier.
        order: ``(m,)`` rows of the stranger set, the most suspect first.
        closer: ``(m,)`` share of new inliers that lie at least as far from their nearest training
            example: near 1 for what is nearer than almost any inlier.
    """

    share: Interval
    order: np.ndarray
    closer: np.ndarray


def contamination(inliers: ArrayLike, strangers: ArrayLike, level: float = 0.95) -> Contamination:
    """Audit a stranger set for hidden inliers.

    Args:
        inliers: ``(n,)`` distances of new inliers, which no model trained on, to their nearest
            training example.
        strangers: ``(m,)`` such distances of the set in question.
        level: confidence level of the bound.

    Raises:
        UsageError: no distances, or NaN or infinity among them.
    """
    check_level(level)
    usual, distance = (np.asarray(part, np.float64) for part in (inliers, strangers))
    for name, part in (("inliers", usual), ("strangers", distance)):
        if part.ndim != 1 or not part.size or not np.isfinite(part).all():
            raise UsageError(f"The distances of {name} must be a list of finite numbers.")
    closer = 1 - np.searchsorted(np.sort(usual), distance, side="left") / len(usual)
    order = np.argsort(-closer, kind="stable")
    return Contamination(hidden_share(usual, distance, level), order, closer)


def hidden_share(inliers: ArrayLike, strangers: ArrayLike, level: float = 0.95) -> Interval:
    """Largest share of inliers among strangers that scores ``(n,)`` and ``(m,)`` allow.

    Scores are distances or anything else that is larger for strangers. Low is 0; high holds with
    probability ``level`` at least.
    """
    usual, found = (np.sort(np.asarray(s, np.float64)) for s in (inliers, strangers))
    n, m = len(usual), len(found)
    F = np.searchsorted(usual, usual, side="right") / n
    G = np.searchsorted(found, usual, side="right") / m
    enough = F >= LEAST_INLIERS
    estimate = float(np.min(G[enough] / F[enough]))
    # A one-sided margin each, at half of what may go wrong.
    margin_F, margin_G = (math.sqrt(math.log(2 / (1 - level)) / (2 * size)) for size in (n, m))
    sure = margin_F + LEAST_INLIERS <= F
    if not sure.any():
        return Interval(min(estimate, 1.0), 0.0, 1.0, level, "Too few inliers to bound the share.")
    high = float(np.min((G[sure] + margin_G) / (F[sure] - margin_F)))
    note = "An upper limit: strangers that look like inliers count as inliers."
    return Interval(min(estimate, 1.0), 0.0, min(high, 1.0), level, note)
