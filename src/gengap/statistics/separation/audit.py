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
examples to look at first are the nearest, above all those on which the model is sure. More than
half of some popular stranger sets are inliers: J. Bitterwolf et al., In or out?, ICML 2023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level

LEAST_INLIERS = 0.1  # ratios are taken where F is at least this, as below they are noise
BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Contamination:
    """What may be inliers in a stranger set, nearest first.

    Attributes:
        share: largest share of hidden inliers that the distances allow; ``high`` bounds it with
            confidence, ``low`` is 0, as nearness never proves that an example is an inlier.
        order: ``(m,)`` rows of the stranger set, the most suspect first.
        nearest: ``(m,)`` training row nearest to each stranger, in the set's own order.
        distance: ``(m,)`` distance to it.
        closer: ``(m,)`` share of new inliers that lie at least as far from their nearest training
            example: near 1 for what is nearer than almost any inlier.
        confidence: ``(m,)`` the model's largest probability, NaN where not given.
    """

    share: Interval
    order: np.ndarray
    nearest: np.ndarray
    distance: np.ndarray
    closer: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class ThreeWays:
    """AUROC of one detector for each pair; the second of each pair should score higher."""

    error_over_correct: Interval
    stranger_over_correct: Interval
    stranger_over_error: Interval


def contamination(
    train: ArrayLike,
    inliers: ArrayLike,
    strangers: ArrayLike,
    confidence: ArrayLike | None = None,
    level: float = 0.95,
) -> Contamination:
    """Audit a stranger set for hidden inliers.

    Args:
        train: ``(k, d)`` features of training examples.
        inliers: ``(n, d)`` features of new inliers, which no model trained on.
        strangers: ``(m, d)`` features of the set in question.
        confidence: ``(m,)`` the model's largest probability; breaks ties in the order.
        level: confidence level of the bound.

    Raises:
        UsageError: empty or mismatched arrays, or NaN.
    """
    check_level(level)
    parts = [np.asarray(part, np.float64) for part in (train, inliers, strangers)]
    for name, part in zip(("train", "inliers", "strangers"), parts, strict=True):
        if part.ndim != 2 or not part.size or part.shape[1] != parts[0].shape[1]:
            raise UsageError(
                f"The features of {name} must be (rows, {parts[0].shape[-1]}), as those of the "
                f"training examples; got {part.shape}."
            )
        if not np.isfinite(part).all():
            raise UsageError(f"The features of {name} hold NaN or infinity; repair them first.")
    _, usual = nearest(parts[0], parts[1])
    row, distance = nearest(parts[0], parts[2])
    closer = 1 - np.searchsorted(np.sort(usual), distance, side="left") / len(usual)
    sure = np.full(len(row), np.nan) if confidence is None else np.asarray(confidence, float)
    if sure.shape != row.shape:
        raise UsageError(f"Give one confidence per stranger: {sure.shape}, {row.shape}.")
    order = np.lexsort((-np.nan_to_num(sure), -closer))
    share = hidden_share(usual, distance, level)
    return Contamination(share, order, row, distance, closer, sure)


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


def nearest(train: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the nearest training example, and Euclidean distance to it, for each of ``rows``."""
    squares = np.einsum("ij,ij->i", train, train)
    index = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        index[start : start + BLOCK] = np.argmin(squares - 2 * block @ train.T, axis=1)
    return index, np.linalg.norm(rows - train[index], axis=1)
