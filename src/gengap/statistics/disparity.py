r"""How far apart groups are: disparity of group means, without the luck of the most extreme.

The gap between the largest and the smallest of several noisy means is too large on average: with
``G`` alike groups of standard error ``s`` it is about ``1.7 s`` for three and ``3.1 s`` for ten. So

*the estimate* draws each group's effect towards 0 by its own noise, ``t^2 / (t^2 + s_g^2)``, with
``t`` the *spread*: the standard deviation of true effects, the noise taken off the variance of
measured ones (C. N. Morris, Parametric empirical Bayes inference, Journal of the American
Statistical Association 78 (1983), 47-55). Groups that are alike have a gap of about 0.

*the limits* hold for all pairs at once: two groups differ by ``d_e`` in an environment, and each
pair's mean has Student's limits at the level ``1 - alpha / (G (G - 1) / 2)`` (Bonferroni). So the
true gap between the extremes is at least the largest lower limit and at most the largest upper one,
however the pair is chosen, and whatever groups have in common or some are noisier by. Environments
are the units.

*Growth* between two tables of the same rows (outside and inside) is that of the difference between
two groups. Chosen by the first table it would be too large, by the second too small; chosen by the
mean of both it is neither where both are equally noisy, for a sum tells nothing of a difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gengap.statistics.intervals import Interval, quantile, student_mean

FEWEST = 3  # environments that have both groups of a pair


@dataclass(frozen=True, eq=False)
class Disparity:
    """How far apart groups are in a table of their means.

    Attributes:
        gap: between the extremes.
        naive: the gap between the largest and the smallest mean as measured.
        spread: standard deviation of the true group means.
        worst: the group with the larger mean in the pair that is told apart most clearly.
        best: the other.
    """

    gap: Interval
    naive: float
    spread: float
    worst: int
    best: int


def disparity(table: np.ndarray, level: float = 0.95) -> Disparity:
    """Disparity of groups.

    Args:
        table: ``(E, G)`` mean loss of each group in each environment, NaN where it has none; some
            pair of groups shares three environments.
        level: the confidence level.
    """
    effects, noise = _effects(table)
    told = ~np.isnan(noise)
    measured = float(np.var(effects[told], ddof=1)) if told.sum() > 1 else 0.0
    spread = math.sqrt(max(measured - float(np.mean(noise[told])), 0.0)) if told.any() else 0.0
    drawn = effects[told] * (spread**2 / np.maximum(spread**2 + noise[told], 1e-300))
    estimate = float(np.ptp(drawn)) if told.any() else math.nan
    lower, upper, pair = _limits(table, level)
    return Disparity(
        gap=Interval(max(estimate, lower), lower, max(upper, estimate), level),
        naive=float(np.nanmax(effects) - np.nanmin(effects)),
        spread=spread,
        worst=pair[0],
        best=pair[1],
    )


def growth(
    outside: np.ndarray, inside: np.ndarray, level: float = 0.95
) -> tuple[Interval, np.ndarray]:
    """How much farther apart two groups are in the first table than in the second.

    Args:
        outside: ``(E, G)`` as for :func:`disparity`.
        inside: ``(E, G)`` of the same rows.
        level: the confidence level.

    Returns:
        the mean over environments, and the values ``(n,)`` it is the mean of.
    """
    _, _, (worst, best) = _limits((outside + inside) / 2, level)
    change = outside - inside
    own = change[:, worst] - change[:, best]
    own = own[~np.isnan(own)]
    return student_mean(own, level), own


def _limits(table: np.ndarray, level: float) -> tuple[float, float, tuple[int, int]]:
    """The largest lower and upper limit over pairs, and the pair with the former."""
    groups = table.shape[1]
    pairs = max(groups * (groups - 1) // 2, 1)
    low, high, pair = -math.inf, -math.inf, (0, min(1, groups - 1))
    for i, j in combinations(range(groups), 2):
        own = table[:, i] - table[:, j]
        own = own[~np.isnan(own)]
        if len(own) < FEWEST:
            continue
        mean = float(own.mean())
        error = float(own.std(ddof=1)) / math.sqrt(len(own))
        reach = quantile(1 - (1 - level) / pairs, len(own) - 1) * error
        if abs(mean) - reach > low:
            low, pair = abs(mean) - reach, (i, j) if mean > 0 else (j, i)
        high = max(high, abs(mean) + reach)
    return max(low, 0.0), high, pair


def _effects(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each group's mean ``(G,)`` less its environments', and its squared standard error.

    Where an environment lacks a group, its mean is that of the groups it has less their effects, so
    that a hard environment does not count against the groups it has (alternating least squares).
    """
    there = ~np.isnan(table)
    values = np.where(there, table, 0.0)
    effects = np.zeros(table.shape[1])
    groups, environments = there.sum(0), there.sum(1)
    own = np.zeros(len(table))
    for _ in range(100):
        own = (values - np.where(there, effects, 0.0)).sum(1) / np.maximum(environments, 1)
        new = (values - np.where(there, own[:, None], 0.0)).sum(0) / np.maximum(groups, 1)
        new = new - np.average(new[groups > 0])
        moved = float(np.max(np.abs(new - effects), initial=0.0))
        effects = new
        if moved < 1e-12 * (1 + float(np.max(np.abs(new)))):
            break
    residual = np.where(there, table - own[:, None] - effects, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = (residual**2).sum(0) / (groups - 1) / groups
    # Each group's own mean and its part in the environments' are taken out.
    number = int(np.sum(groups > 0))
    noise = np.where(groups > 1, noise * number / max(number - 1, 1), np.nan)
    return np.where(groups > 0, effects, np.nan), noise
