"""Do several methods differ across environments? Friedman's test and Nemenyi's critical difference.

Rank the ``M`` methods within each of ``E`` environments, 1 the best, ties sharing their mean rank.
If all methods are alike, every ranking was equally likely and the average ranks ``R_j`` lie near
``(M + 1) / 2``:

    chi2 = (M - 1) E^2 sum_j (R_j - (M + 1) / 2)^2 / sum_ij (r_ij - (M + 1) / 2)^2    (M - 1 df)
    F = (E - 1) chi2 / (E (M - 1) - chi2)                            (M - 1, (M - 1)(E - 1) df)

The first is Friedman's statistic with its correction for ties and is cautious; the second is Iman
and Davenport's, and is the one to read. Nemenyi tells two methods apart when their average ranks
differ by at least

    CD = q sqrt(M (M + 1) / (12 E)),

``q`` the upper point of the studentized range of ``M`` normals.

It helps where scores of different environments are not on one scale. It hurts in that a rank
forgets by how much, and that the verdict on two methods depends on which others are in the table:
for one pair, prefer :mod:`gengap.statistics.paired`. With few environments the chi-square and the
critical difference are approximations.

Sources: M. Friedman, The use of ranks to avoid the assumption of normality implicit in the analysis
of variance, Journal of the American Statistical Association 32 (1937), 675-701. R. L. Iman & J. M.
Davenport, Approximations of the critical region of the Friedman statistic, Communications in
Statistics A 9 (1980), 571-595. J. Demšar, Statistical comparisons of classifiers over multiple data
sets, Journal of Machine Learning Research 7 (2006), 1-30.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from gengap.base.errors import UsageError
from gengap.statistics.intervals import check_level
from gengap.statistics.votes import shared_ranks


@dataclass(frozen=True)
class FriedmanTest:
    """Friedman's test that all methods are alike.

    Attributes:
        statistic: Friedman's chi-square, corrected for ties.
        p_value: of the chi-square.
        f_statistic: Iman and Davenport's F; infinite where all environments rank alike.
        f_p_value: of the F.
        average_ranks: ``(M,)`` in the order of the table, 1 the best.
        environments: how many were complete and used.
        note: what was left out, or empty.
    """

    statistic: float
    p_value: float
    f_statistic: float
    f_p_value: float
    average_ranks: tuple[float, ...]
    environments: int
    note: str


@dataclass(frozen=True)
class CriticalDifference:
    """What a critical-difference diagram shows.

    Attributes:
        names: methods, best average rank first.
        average_ranks: ``(M,)`` in that order.
        critical_difference: average ranks this far apart are told apart.
        groups: the bars of the diagram: largest sets of neighbours, at least two, not told apart.
        level: 1 minus the chance that any two methods that are alike are told apart.
        environments: how many were complete and used.
        note: what was left out, or empty.
    """

    names: tuple[str, ...]
    average_ranks: tuple[float, ...]
    critical_difference: float
    groups: tuple[tuple[str, ...], ...]
    level: float
    environments: int
    note: str


def friedman_test(scores: ArrayLike) -> FriedmanTest:
    """Friedman's test on complete environments.

    Args:
        scores: ``(M, E)``, larger is better, averaged over seeds; NaN where missing.

    Raises:
        UsageError: fewer than 2 methods or 2 complete environments, infinite scores.
    """
    ranks, note = _ranks(scores)
    M, E = ranks.shape
    middle = (M + 1) / 2
    scatter = float(np.sum((ranks - middle) ** 2))
    average = ranks.mean(axis=1)
    between = E**2 * float(np.sum((average - middle) ** 2))
    chi2 = (M - 1) * between / scatter if scatter else 0.0
    # Zero but for rounding where every environment ranks the methods alike.
    rest = E * (M - 1) - chi2
    f = (E - 1) * chi2 / rest if rest > 1e-9 * E else math.inf
    return FriedmanTest(
        statistic=chi2,
        p_value=float(special.chdtrc(M - 1, chi2)),
        f_statistic=f,
        f_p_value=float(special.fdtrc(M - 1, (M - 1) * (E - 1), f)) if f < math.inf else 0.0,
        average_ranks=tuple(average.tolist()),
        environments=E,
        note=note,
    )


def critical_difference(
    scores: ArrayLike, names: Sequence[str], level: float = 0.95
) -> CriticalDifference:
    """Nemenyi's critical difference and the methods it does not tell apart.

    Args:
        scores: ``(M, E)`` as for :func:`friedman_test`.
        names: ``(M,)`` of the methods, each its own.
        level: 1 minus the chance of any false distinction.

    Raises:
        UsageError: as :func:`friedman_test`, or names that do not fit.
    """
    check_level(level)
    ranks, note = _ranks(scores)
    M, E = ranks.shape
    if len(names) != M or len(set(names)) != M:
        raise UsageError(f"names must be {M} different names, one per method of the table.")
    average = ranks.mean(axis=1)
    order = np.argsort(average, kind="stable")
    q = float(stats.studentized_range.ppf(level, M, math.inf))
    difference = q * math.sqrt(M * (M + 1) / (12 * E))
    ordered = tuple(names[k] for k in order)
    bars = _neighbours(average[order], difference)
    return CriticalDifference(
        names=ordered,
        average_ranks=tuple(average[order].tolist()),
        critical_difference=difference,
        groups=tuple(ordered[first:end] for first, end in bars),
        level=level,
        environments=E,
        note=note,
    )


def _neighbours(ascending: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """Ranges ``[first, end)`` of two or more, closer than ``difference``, none inside another."""
    ends = np.searchsorted(ascending, ascending + difference, side="left").tolist()
    bars, reached = [], 0
    for first, end in enumerate(ends):
        if end - first > 1 and end > reached:
            bars.append((first, end))
        reached = max(reached, end)
    return bars


def _ranks(scores: ArrayLike) -> tuple[np.ndarray, str]:
    """Ranks ``(M, E)`` in the complete environments, 1 the best, and what was left out."""
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or np.isinf(table).any():
        raise UsageError(
            "Ranking needs a (methods, environments) table of finite scores of at least 2 methods."
        )
    complete = ~np.isnan(table).any(axis=0)
    used, E = int(complete.sum()), table.shape[1]
    if used < 2:
        raise UsageError(
            f"Ranking needs at least 2 environments scored by every method; {used} of {E} are."
        )
    note = "" if used == E else f"{E - used} of {E} environments lack a method and are left out."
    return shared_ranks(table[:, complete], axis=0), note
