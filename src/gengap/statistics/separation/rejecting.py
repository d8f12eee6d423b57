"""What rejecting the strangest inputs of an unseen environment buys.

A detector that is not asked to answer the strangest ``r`` of an environment's examples leaves the
others to the model. Let ``u_i`` be the score of the model that has not seen the environment and
``v_i`` that of the reference, a model that has, on the same example. With weights ``w_i`` (1 kept,
0 rejected; examples tied at the threshold share what is left) the environment's

    score          = sum w u / sum w
    cost of unseen = sum w (v - u) / sum w

before (all ``w = 1``) and after. Rejecting at random changes neither on average, so *before* is
also what random rejection gives. A rise in the score alone does not say that strangers were
rejected: rejecting hard examples does it too, for the reference as well. The share of the cost
removed does say so; it is a ratio of means over environments, whose limits are Fieller's

    {p : |mean(a - p b)| <= t sd(a - p b) / sqrt(E)},   a = before - after, b = before

(E. C. Fieller, Some problems in interval estimation, Journal of the Royal Statistical Society B 16
(1954), 175-185). They are finite only where the cost itself is clearly not 0. That errors rather
than strangers are what a monitor should catch: J. Guerin et al., Out-of-distribution detection is
not all you need, AAAI 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, quantile, student_mean

SHARES = (0.01, 0.05, 0.1, 0.2)
FEW = "Fewer than 2 environments: there are no limits."
NO_SPREAD = "Every environment lost the same share: the limits show no spread and are too narrow."
NO_COST = "The cost of unseen is not clearly different from 0, so its share has no limits."


@dataclass(frozen=True)
class Rejection:
    """What rejecting one share buys, averaged over environments.

    Attributes:
        rejected: share of each environment's examples that is rejected.
        score_before, score_after: score of the model that has not seen the environment.
        gain: after less before, which is the gain over rejecting at random.
        cost_before, cost_after: cost of unseen; ``cost_change`` is after less before.
        removed: share of the cost of unseen that rejecting removes; random rejection removes 0.
    """

    rejected: float
    score_before: Interval
    score_after: Interval
    gain: Interval
    cost_before: Interval
    cost_after: Interval
    cost_change: Interval
    removed: Interval


def rejecting(
    strangeness: ArrayLike,
    unseen: ArrayLike,
    reference: ArrayLike,
    environment: ArrayLike,
    run: ArrayLike | None = None,
    *,
    shares: Sequence[float] = SHARES,
    level: float = 0.95,
) -> list[Rejection]:
    """Score and cost of unseen before and after rejecting, with environments as the unit.

    Args:
        strangeness: ``(n,)`` the detector's scores; NaN where it has none is an error.
        unseen: ``(n,)`` score per example of the model that has not seen its environment.
        reference: ``(n,)`` score of the model that has, on the same example; NaN throughout where
            there is none, which leaves the costs NaN.
        environment: ``(n,)`` labels; each weighs equally.
        run: ``(n,)`` labels of the models (seeds); the share is rejected within each environment
            and run, as scores of different models do not compare.
        shares: what to reject, each at least 0 and below 1.
        level: confidence level.

    Raises:
        UsageError: lengths that differ, NaN among scores, or a share out of range.
    """
    check_level(level)
    table = strangeness, unseen, reference, environment, run
    before = kept_means(*table, share=0.0)
    return [_rejection(share, before, kept_means(*table, share=share), level) for share in shares]


def kept_means(
    strangeness: ArrayLike,
    unseen: ArrayLike,
    reference: ArrayLike,
    environment: ArrayLike,
    run: ArrayLike | None = None,
    *,
    share: float,
) -> np.ndarray:
    """Score and cost of unseen ``(2, E)`` of what is kept when ``share`` is rejected.

    Arguments and errors as in :func:`rejecting`; environments in the order of their labels, each
    averaged over its runs.
    """
    if not 0 <= share < 1:
        raise UsageError(f"The share to reject must be at least 0 and below 1, not {share}.")
    strange, score, seen = _table(strangeness, unseen, reference)
    where = _labels(environment, len(score))
    runs = _labels(np.zeros(len(score)) if run is None else run, len(score))
    quantities = np.stack([score, seen - score])
    found = np.zeros((2, int(where.max()) + 1, int(runs.max()) + 1))
    there = np.zeros(found.shape[1:])
    for e, s in np.unique(np.stack([where, runs]), axis=1).T:
        rows = np.flatnonzero((where == e) & (runs == s))
        found[:, e, s] = np.average(quantities[:, rows], 1, kept(strange[rows], share))
        there[e, s] = 1
    means: np.ndarray = found.sum(2) / there.sum(1)
    return means


def kept(strangeness: np.ndarray, share: float) -> np.ndarray:
    """Weights ``(n,)`` of what is kept when the strangest ``share`` of ``n`` is rejected.

    They sum to ``(1 - share) n``; ties at the threshold share what is left, as if in random order.
    """
    room = (1 - share) * len(strangeness)
    _, group, sizes = np.unique(strangeness, return_inverse=True, return_counts=True)
    below = np.cumsum(sizes) - sizes
    weights: np.ndarray = np.clip((room - below) / sizes, 0, 1)[group]
    return weights


def ratio_interval(part: np.ndarray, whole: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of ``part (E,)`` over mean of ``whole (E,)`` with Fieller's limits.

    Args:
        part: ``(E,)`` numerators, one per environment.
        whole: ``(E,)`` denominators, paired with them.
        level: the confidence level.

    Returns:
        NaN limits, with the reason in the note, for one environment or where the denominator's mean
        is not clearly different from 0.
    """
    E = len(whole)
    total = float(whole.mean())
    ratio = float(part.mean()) / total if total else math.nan
    if E < 2:
        return Interval(ratio, math.nan, math.nan, level, FEW)
    (vpp, vpw), (_, vww) = np.cov(part, whole) / E
    t2 = quantile(level, E - 1) ** 2
    # Roots of (part - p whole)^2 = t2 (vpp - 2 p vpw + p^2 vww).
    a = total**2 - t2 * vww
    b = float(part.mean()) * total - t2 * vpw
    c = float(part.mean()) ** 2 - t2 * vpp
    if a <= 0 or math.isnan(a):
        return Interval(ratio, math.nan, math.nan, level, NO_COST)
    root = math.sqrt(max(b * b - a * c, 0.0))
    return Interval(
        ratio, (b - root) / a, (b + root) / a, level, "" if root > 1e-9 * abs(b) else NO_SPREAD
    )


def _rejection(share: float, before: np.ndarray, after: np.ndarray, level: float) -> Rejection:
    (score, cost), (score_after, cost_after) = before, after
    return Rejection(
        share,
        mean_over_environments(score, level),
        mean_over_environments(score_after, level),
        mean_over_environments(score_after - score, level),
        mean_over_environments(cost, level),
        mean_over_environments(cost_after, level),
        mean_over_environments(cost_after - cost, level),
        ratio_interval(cost - cost_after, cost, level),
    )


def mean_over_environments(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of ``(E,)`` with Student's limits, environments being the unit."""
    return student_mean(values, level, FEW * (len(values) < 2))


def _table(*columns: ArrayLike) -> np.ndarray:
    strangeness, unseen, reference = (np.asarray(c, np.float64).ravel() for c in columns)
    if not len(strangeness) == len(unseen) == len(reference):
        raise UsageError(
            "Give one strangeness, one unseen and one reference score per example; there are "
            f"{len(strangeness)}, {len(unseen)} and {len(reference)}."
        )
    if not len(unseen):
        raise UsageError("There are no examples to reject; give at least one.")
    for name, column in (("strangeness", strangeness), ("unseen", unseen)):
        if np.isnan(column).any():
            raise UsageError(f"Some of {name} is NaN; give a number for every example.")
    return np.stack([strangeness, unseen, reference])


def _labels(labels: ArrayLike, size: int) -> np.ndarray:
    column = np.asarray(labels).ravel()
    if len(column) != size:
        raise UsageError(f"Give one label per example: {len(column)} labels, {size} examples.")
    return np.unique(column, return_inverse=True)[1]
