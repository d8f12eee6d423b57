"""Conformal prediction that reuses the examples on which early stopping chose the checkpoint.

Training leaves checkpoints ``1 .. T``, and ``n`` held-out examples choose the one with the least
loss ``L_t``, a sum over them. To calibrate on the same examples is wrong: the choice flatters them
and not the new one, so sets are too small, the more so the larger ``T`` and the smaller ``n``.

Conformalised early stopping (CES) lets the new example take part in the choice. For a hypothetical
``z`` of it, the checkpoint is

    t(z) = argmin_t  L_t + loss_t(z),

which treats all ``n + 1`` examples alike. Scores of that checkpoint are then exchangeable, and

    p(z) = (1 + #{i : s_i >= s(z)}) / (n + 1),     scores s of checkpoint t(z)

is a valid p-value. An *outlier* is tested with its own loss. A *class* is in the set if its p-value
against held-out examples of that class exceeds the miscoverage. A *number* ``y`` with squared loss
picks among parabolas of one curvature, so each checkpoint is best on one stretch of the line;
its part of the set is that stretch cut with ``f_t -+ q_t``, ``q_t`` the conformal quantile of its
residuals. The stretch that holds the chosen checkpoint's own prediction is never lost.

It helps where labelled examples are too few to be split twice. It costs ``T`` predictions per new
input and needs checkpoints that do not depend on the held-out examples in any other way, such as by
a learning rate that drops on a plateau. Where checkpoints disagree the pieces of a set lie apart;
their union covers at the level, and the one interval around them more often than that.

Source: Z. Liang, Y. Zhou & M. Sesia, Conformal inference is (almost) free for neural networks
trained with early stopping, ICML 2023, arXiv:2301.11556.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.selective import checks
from gengap.statistics.selective.conformal import calibrate

BLOCK = 1 << 20
"""Entries of the largest intermediate table."""


@dataclass(frozen=True)
class StoppedSets:
    """Classes that fit each new input.

    Attributes:
        p_values: ``(m, C)`` of each class.
        inside: ``(m, C)`` bool, whether the class is in the set.
    """

    p_values: np.ndarray
    inside: np.ndarray


@dataclass(frozen=True)
class StoppedIntervals:
    """Prediction intervals for each new input.

    Attributes:
        low: ``(m,)`` lower limit of the hull of the pieces; ``-inf`` with too few examples.
        high: ``(m,)`` upper limit.
        pieces_low: ``(m, T)`` lower limit of each checkpoint's piece, NaN where it has none.
        pieces_high: ``(m, T)`` upper limit of it.
        note: why limits are infinite, or empty.
    """

    low: np.ndarray
    high: np.ndarray
    pieces_low: np.ndarray
    pieces_high: np.ndarray
    note: str = ""


def outlier_p_values(
    losses: ArrayLike, scores: ArrayLike, new_losses: ArrayLike, new_scores: ArrayLike
) -> np.ndarray:
    """The p-value ``(m,)`` that each new input comes from the held-out distribution.

    Args:
        losses: ``(T, n)`` each checkpoint's loss on the held-out examples, as early stopping uses.
        scores: ``(T, n)`` strangeness by each checkpoint.
        new_losses: ``(T, m)`` loss on new inputs.
        new_scores: ``(T, m)`` strangeness of new inputs.

    Raises:
        UsageError: shapes that do not match, or values that are not finite.

    Example:
        >>> outlier_p_values([[1, 1, 1]], [[0.1, 0.2, 0.3]], [[1, 1]], [[0.25, 9.0]]).tolist()
        [0.5, 0.25]
    """
    loss, score = _held_out(losses, scores)
    T = len(loss)
    new = checks.table(new_losses, "new_losses", (T, None))
    strange = checks.table(new_scores, "new_scores", new.shape)
    return _p_values(loss.sum(axis=1), score, new, strange)


def class_sets(
    losses: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    new_losses: ArrayLike,
    new_scores: ArrayLike,
    miscoverage: float = 0.1,
) -> StoppedSets:
    """Prediction sets that cover each class at the level, whatever its share.

    A class with fewer than ``1 / miscoverage - 1`` held-out examples is in every set.

    Args:
        losses: ``(T, n)`` each checkpoint's loss on the held-out examples, at their own labels.
        scores: ``(T, n)`` nonconformity of the same, e.g. of
            :mod:`gengap.statistics.selective.conformal_scores`.
        labels: ``(n,)`` class codes.
        new_losses: ``(T, m, C)`` loss on new inputs, were each class the true one.
        new_scores: ``(T, m, C)`` nonconformity of each class.
        miscoverage: the share of each class that may be missed.

    Raises:
        UsageError: shapes that do not match, values that are not finite, labels out of range.
    """
    checks.share(miscoverage, "miscoverage")
    loss, score = _held_out(losses, scores)
    new = checks.table(new_losses, "new_losses", (len(loss), None, None))
    fit = checks.table(new_scores, "new_scores", new.shape)
    y = checks.classes(labels, loss.shape[1], new.shape[2])
    total = loss.sum(axis=1)
    p = np.stack(
        [
            _p_values(total, score[:, y == c], new[:, :, c], fit[:, :, c])
            for c in range(new.shape[2])
        ],
        axis=1,
    )
    return StoppedSets(p, p > miscoverage)


def regression_intervals(
    predictions: ArrayLike,
    target: ArrayLike,
    new_predictions: ArrayLike,
    miscoverage: float = 0.1,
) -> StoppedIntervals:
    """Prediction intervals where early stopping minimises the squared error.

    Args:
        predictions: ``(T, n)`` of each checkpoint on the held-out examples.
        target: ``(n,)`` their targets.
        new_predictions: ``(T, m)`` of each checkpoint on new inputs.
        miscoverage: the share of new targets that may be missed.

    Raises:
        UsageError: shapes that do not match, or values that are not finite.
    """
    y = checks.numbers(target, "target")
    f = checks.table(predictions, "predictions", (None, len(y)))
    new = checks.table(new_predictions, "new_predictions", (len(f), None)).T
    residuals = np.abs(y - f)
    thresholds = [calibrate(row, miscoverage) for row in residuals]
    q = np.array([threshold.value for threshold in thresholds])
    total = np.sum(residuals**2, axis=1)
    low, high = np.empty_like(new), np.empty_like(new)
    step = max(1, BLOCK // len(f) ** 2)
    for start in range(0, len(new), step):
        rows = slice(start, start + step)
        left, right = _stretches(total, new[rows])
        low[rows] = np.maximum(left, new[rows] - q)
        high[rows] = np.minimum(right, new[rows] + q)
    empty = ~(low <= high)
    low[empty] = high[empty] = np.nan
    hull = np.nanmin(low, axis=1), np.nanmax(high, axis=1)
    return StoppedIntervals(*hull, low, high, thresholds[0].note)


def _held_out(losses: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    loss = checks.table(losses, "losses", (None, None))
    return loss, checks.table(scores, "scores", loss.shape)


def _p_values(
    total: np.ndarray, scores: np.ndarray, new_losses: np.ndarray, new_scores: np.ndarray
) -> np.ndarray:
    """P-values ``(m,)``; each new example's checkpoint is chosen with its own loss added.

    Args:
        total: ``(T,)`` losses of all held-out examples.
        scores: ``(T, k)`` of the held-out examples compared with, perhaps none.
        new_losses: ``(T, m)``.
        new_scores: ``(T, m)``.
    """
    chosen = np.argmin(total[:, None] + new_losses, axis=0)
    k = scores.shape[1]
    p = np.empty(len(chosen))
    for t in np.unique(chosen):
        mine = chosen == t
        below = np.searchsorted(np.sort(scores[t]), new_scores[t, mine])
        p[mine] = (1 + k - below) / (k + 1)
    return p


def _stretches(total: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each checkpoint's ``total + (y - prediction)^2`` is least, ``(m, T)`` each.

    Checkpoint ``t`` beats ``s`` above the ``y`` where the two are equal if it predicts more, below
    if less. Of two that predict alike the one with the smaller total wins, then the first.

    Returns:
        Left and right ends; left exceeds right where a checkpoint is nowhere best.
    """
    gap = prediction[:, :, None] - prediction[:, None, :]
    worse = total[:, None] - total[None, :]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        middle = (prediction[:, :, None] + prediction[:, None, :]) / 2
        equal = middle + worse / (2 * gap)
    left = np.where(gap > 0, equal, -np.inf).max(axis=2)
    right = np.where(gap < 0, equal, np.inf).min(axis=2)
    earlier = np.tri(len(total), k=-1, dtype=bool)
    loses = (gap == 0) & ((worse > 0) | ((worse == 0) & earlier))
    return np.where(loses.any(axis=2), np.inf, left), right
