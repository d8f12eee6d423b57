"""How well scores tell strangers from inliers: AUROC, AUPR both ways, and FPR at 95% recall.

With inlier scores ``x_1..x_n`` and stranger scores ``y_1..y_m``, larger being stranger:

    AUROC  P(y > x) + P(y = x) / 2 over all pairs, the Mann-Whitney statistic over n m
    AUPR   average precision, sum over positives of the precision at their score, over their number;
           positives are the strangers ("out") or, by low scores, the inliers ("in")
    FPR    share of strangers accepted by the lowest threshold that accepts 95% of the inliers

AUROC does not change with the share of strangers; AUPR does, and its chance level is that share.

Intervals are in :mod:`gengap.statistics.separation.delong` and
:mod:`gengap.statistics.separation.intervals`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gengap.base.errors import UsageError

RECALL = 0.95


class Separation(NamedTuple):
    """One number, or ``(D,)`` or ``(B,)`` numbers, per metric."""

    auroc: np.ndarray
    aupr_out: np.ndarray
    aupr_in: np.ndarray
    fpr: np.ndarray


def separation(inliers: ArrayLike, strangers: ArrayLike, recall: float = RECALL) -> Separation:
    """All metrics of one detector, or of several at once.

    Args:
        inliers: ``(n,)`` or ``(D, n)`` scores, larger is stranger.
        strangers: ``(m,)`` or ``(D, m)`` scores.
        recall: share of inliers accepted, for ``fpr``.

    Raises:
        UsageError: no inliers or no strangers, shapes that do not match, or scores that are NaN.

    >>> print(separation([1, 2, 3], [2, 4]).auroc)
    0.75
    """
    x, y = checked(inliers, strangers)
    found = [weighted(Sorted.of(a, b), np.ones((1, a.size + b.size)), recall) for a, b in
             zip(np.atleast_2d(x), np.atleast_2d(y), strict=True)]  # fmt: skip
    columns = (np.concatenate(values) for values in zip(*found, strict=True))
    return Separation(*(column if x.ndim == 2 else column[0] for column in columns))


def auroc(inliers: ArrayLike, strangers: ArrayLike) -> np.ndarray | float:
    """Area under the ROC curve, ties counted half; ``(D,)`` for scores ``(D, n)`` and ``(D, m)``.

    Raises:
        UsageError: as :func:`separation`.
    """
    x, y = checked(inliers, strangers)
    together = np.concatenate([x, y], axis=-1)
    area = labelled_auroc(together, np.arange(together.shape[-1]) >= x.shape[-1])
    return area if x.ndim == 2 else float(area)


def labelled_auroc(scores: np.ndarray, stranger: np.ndarray) -> np.ndarray:
    """Area ``(...)`` under the ROC curve of scores ``(..., N)``, ties counted half.

    Args:
        scores: ``(..., N)`` without NaN.
        stranger: bool, broadcast against them; some but not all along the last axis.
    """
    # Mann and Whitney: the strangers' rank sum, less what it would be if they were all lowest.
    strangers = stranger.sum(axis=-1)
    ranks = np.einsum("...n,...n->...", stats.rankdata(scores, axis=-1), stranger.astype(float))
    pairs = strangers * (scores.shape[-1] - strangers)
    return np.asarray((ranks - strangers * (strangers + 1) / 2) / pairs)


def placements(inliers: np.ndarray, strangers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of strangers above each inlier, and of inliers below each stranger, ties half.

    Args:
        inliers: ``(..., n)`` scores.
        strangers: ``(..., m)`` scores.
    """
    n, m = inliers.shape[-1], strangers.shape[-1]
    # A score's rank among all less its rank among its own counts the others below it.
    together = stats.rankdata(np.concatenate([inliers, strangers], axis=-1), axis=-1)
    above = 1 - (together[..., :n] - stats.rankdata(inliers, axis=-1)) / m
    return above, (together[..., n:] - stats.rankdata(strangers, axis=-1)) / n


class Sorted(NamedTuple):
    """Scores in ascending order: ``first`` and ``last`` place of each score's ties, and origin."""

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray
    stranger: np.ndarray
    inliers: int

    @classmethod
    def of(cls, inliers: np.ndarray, strangers: np.ndarray) -> Sorted:
        """Sort scores ``(n,)`` and ``(m,)`` together."""
        scores = np.concatenate([inliers, strangers])
        order = np.argsort(scores, kind="stable")
        ascending = scores[order]
        first = np.searchsorted(ascending, ascending, side="left")
        last = np.searchsorted(ascending, ascending, side="right") - 1
        return cls(order, first, last, order >= len(inliers), len(inliers))


def weighted(data: Sorted, weights: np.ndarray, recall: float) -> Separation:
    """Metrics ``(B,)`` of one detector with weights ``(B, n + m)``, inliers first."""
    w = weights[:, data.order]
    out, inside = w * data.stranger, w * ~data.stranger
    out_to, in_to = out.cumsum(1), inside.cumsum(1)
    total_out, total_in = out_to[:, -1:], in_to[:, -1:]

    def from_here(sums: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Weight at or above each place's score."""
        return sums[:, -1:] - (sums - own)[:, data.first]

    below = (in_to - inside)[:, data.first]
    tied = in_to[:, data.last] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        area = np.sum(out * (below + tied / 2), 1) / (total_out * total_in)[:, 0]
        above_out, above_in = from_here(out_to, out), from_here(in_to, inside)
        precision_out = above_out / (above_out + above_in)
        up_out, up_in = out_to[:, data.last], in_to[:, data.last]
        precision_in = up_in / (up_out + up_in)
        aupr_out = np.sum(np.where(out > 0, out * precision_out, 0), 1) / total_out[:, 0]
        aupr_in = np.sum(np.where(inside > 0, inside * precision_in, 0), 1) / total_in[:, 0]
        # The threshold is an inlier's score; a hair less, so that 19 of 20 is 95%.
        reached = up_in >= recall * total_in * (1 - 1e-12)
        accepted = np.take_along_axis(up_out, reached.argmax(1)[:, None], 1)
        fpr = (accepted / total_out)[:, 0]
    return Separation(area, aupr_out, aupr_in, fpr)


def checked(inliers: ArrayLike, strangers: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores as floats, ``(n,)`` and ``(m,)`` or ``(D, n)`` and ``(D, m)``, or a usage error."""
    x, y = np.asarray(inliers, np.float64), np.asarray(strangers, np.float64)
    if x.ndim not in (1, 2) or x.ndim != y.ndim or x.shape[:-1] != y.shape[:-1]:
        raise UsageError(
            f"Scores must be (n,) and (m,), or (D, n) and (D, m); got {x.shape} and {y.shape}."
        )
    for name, scores in (("inliers", x), ("strangers", y)):
        if scores.size == 0:
            raise UsageError(f"There are no scores of {name}; give at least one.")
        if np.isnan(scores).any():
            raise UsageError(f"Some scores of {name} are NaN; a detector must score every example.")
    return x, y
