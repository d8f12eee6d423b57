"""Is one method better than another across environments? Paired tests on their differences.

All three tests take the differences of ``n`` units; averaged over seeds, an environment is one
unit. Each comes with the interval it implies: the shifts ``theta`` that it does not reject.

*Sign flips* ask for differences symmetric around their mean and nothing else
(:mod:`gengap.statistics.sign_flips`); the limits exclude 0 exactly when ``p <= 1 - level``.

*Wilcoxon's signed ranks* resist outliers: an environment counts by the rank of its difference
(:mod:`gengap.statistics.signed_ranks`). The estimate is Hodges and Lehmann's, the median of the
averages ``(d_i + d_j) / 2``; the limits are order statistics of these.

*Student's t* needs nearly normal differences, and with few environments has more power for that.

When it hurts: with ``n`` units no sign-flip or signed-rank p-value lies below ``2^(1-n)``, 0.125
for 4 environments. Asymmetric differences (one environment lost, the rest barely changed) break all
three (docs/results.md). Environments must be independent: folds of one data set are not.

Sources: R. A. Fisher, The Design of Experiments (1935), section 21. F. Wilcoxon, Individual
comparisons by ranking methods, Biometrics Bulletin 1 (1945), 80-83. J. L. Hodges & E. L. Lehmann,
Estimates of location based on rank tests, Annals of Mathematical Statistics 34 (1963), 598-611.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, p_value, student
from gengap.statistics.sign_flips import ALL_SETS_UP_TO, sign_flips
from gengap.statistics.signed_ranks import (
    rank_sum_p_value,
    signed_ranks,
    walsh_averages,
    walsh_limits,
)
from gengap.statistics.votes import seed_means

AGREE = "All differences agree, so they show no spread to judge the mean by."
TIED_RANKS = "Zeros or ties: the p-value allows for them, the limits do not."


Test = Literal["sign flips", "signed ranks", "Student"]


@dataclass(frozen=True, repr=False, kw_only=True)
class PairedTest(Interval):
    """A paired test: the estimated difference, its limits, and the test of 0.

    Attributes:
        p_value: two-sided; NaN where it cannot be had.
        test: which test.
        units: how many units it rests on.
    """

    p_value: float
    test: Test
    units: int

    def __repr__(self) -> str:
        limits = f"{self.low:.4g} to {self.high:.4g}, {100 * self.level:g}%"
        note = f", note={self.note!r}" if self.note else ""
        return (
            f"PairedTest({self.estimate:.4g}, {limits}, p={self.p_value:.3g}, "
            f"{self.test}, n={self.units}{note})"
        )


def permutation_test(
    differences: ArrayLike,
    level: float = 0.95,
    *,
    unit: Literal["environment", "seed"] = "environment",
    permutations: int = 9_999,
    seed: int = 0,
) -> PairedTest:
    """Sign-flip test of the mean difference, and the interval it implies.

    Args:
        differences: ``(E,)`` or ``(E, S)`` score of one method minus that of another on the same
            environment (and seed); NaN where missing.
        level: the confidence level.
        unit: "environment" flips whole environments, averaged over their seeds, and speaks for
            environments like these. "seed" flips each seed of each environment on its own, so it
            needs independent seeds and speaks for these environments only; it is cautious where
            the environments truly differ.
        permutations: random sign vectors, used for more than 20 units only.
        seed: of those.

    Raises:
        UsageError: unusable differences or level, seeds as units without an axis of seeds.

    Example:
        >>> permutation_test([0.02, 0.05, 0.01, 0.04, 0.03, 0.06]).p_value
        0.03125
    """
    check_level(level)
    if unit not in ("environment", "seed"):
        raise UsageError(f"unit is {unit!r}; give 'environment' or 'seed'.")
    if unit == "seed":
        values, weights = _cells(differences)
    else:
        values = environment_means(differences)
        weights = np.ones(len(values))
    flips = sign_flips(values, weights, permutations, seed)
    low, high = flips.limits(level)
    few = f"{unit}s" if len(values) <= ALL_SETS_UP_TO else "permutations"
    estimate = float(np.average(values, weights=weights))
    found = Interval(estimate, low, high, level, _remark(values, few, 1 / flips.pairs, level))
    return _tested(found, flips.two_sided(), "sign flips", len(values))


def wilcoxon_test(differences: ArrayLike, level: float = 0.95) -> PairedTest:
    """Wilcoxon's signed-rank test with environments as units, and the Hodges-Lehmann estimate.

    Exact up to 300 environments, also with zeros and ties; normal beyond.

    Args:
        differences: ``(E,)`` or ``(E, S)`` as for :func:`permutation_test`.
        level: the confidence level.

    Raises:
        UsageError: unusable differences or level.
    """
    check_level(level)
    values = environment_means(differences)
    n = len(values)
    ranks = signed_ranks(values)
    averages = walsh_averages(values)
    low, high = walsh_limits(averages, n, level)
    tied = len(np.unique(np.abs(ranks))) < n
    remark = _remark(values, "environments", 2.0 ** (1 - n), level)
    note = " ".join(filter(None, [remark, TIED_RANKS * tied]))
    found = Interval(float(np.median(averages)), low, high, level, note)
    return _tested(found, rank_sum_p_value(ranks), "signed ranks", n)


def t_test(differences: ArrayLike, level: float = 0.95) -> PairedTest:
    """Student's paired t-test with environments as units.

    Where all environments agree to the last digit there is no spread to test with: limits are NaN,
    and so is the p-value unless the differences are all 0.

    Args:
        differences: ``(E,)`` or ``(E, S)`` as for :func:`permutation_test`.
        level: the confidence level.

    Raises:
        UsageError: unusable differences or level.
    """
    check_level(level)
    values = environment_means(differences)
    variance, degrees = variance_of_mean(values)
    interval = student(float(values.mean()), variance, degrees, level, t_note(values))
    p = p_value(interval.estimate, variance, degrees) if values.any() else 1.0
    return _tested(interval, p, "Student", len(values))


def _tested(found: Interval, p: float, test: Test, units: int) -> PairedTest:
    return PairedTest(**vars(found), p_value=p, test=test, units=units)


def environment_means(differences: ArrayLike) -> np.ndarray:
    """Mean difference ``(n,)`` of each environment over its seeds, those without any left out.

    Raises:
        UsageError: not ``(E,)`` or ``(E, S)``, infinite, or nothing there.
    """
    means = seed_means(_checked(differences))
    return means[~np.isnan(means)]


def variance_of_mean(values: np.ndarray) -> tuple[float, int]:
    """Variance of the mean of independent ``values``, NaN where they show no spread; and n - 1."""
    n = len(values)
    if n < 2 or _agree(values):
        return math.nan, max(n - 1, 1)
    return float(values.var(ddof=1)) / n, n - 1


def t_note(values: np.ndarray) -> str:
    """Why Student's limits cannot be had, or an empty string."""
    if len(values) < 2:
        return "One environment: how much they differ cannot be known."
    return AGREE if _agree(values) else ""


def _agree(values: np.ndarray) -> bool:
    return float(np.ptp(values)) <= 1e-12 * float(np.abs(values).max())


def _remark(values: np.ndarray, few: str, least: float, level: float) -> str:
    """How small a p-value can get, where that matters, and whether there is any spread."""
    notes = []
    unreachable = least > 1 - level + 1e-12
    if unreachable or least > 0.01:
        consequence = f", so there are no {100 * level:g}% limits" * unreachable
        notes.append(f"With so few {few} no p-value can be below {least:.3g}{consequence}.")
    if len(values) > 1 and _agree(values):
        notes.append(AGREE)
    return " ".join(notes)


def _cells(differences: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Every difference ``(n,)`` with its weight in the mean over environments."""
    if np.ndim(differences) != 2:
        raise UsageError("With seeds as units, differences must be (environments, seeds).")
    table = _checked(differences)
    seen = ~np.isnan(table)
    weights = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    return table[seen], weights[seen]


def _checked(differences: ArrayLike) -> np.ndarray:
    """Differences ``(E, S)``, at least one of them a number."""
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim not in (1, 2):
        raise UsageError(
            f"differences have {table.ndim} axes; give (environments,) or (environments, seeds)."
        )
    if np.isinf(table).any() or np.isnan(table).all():
        raise UsageError("differences must be finite numbers, NaN only where a run is missing.")
    return table[:, None] if table.ndim == 1 else table
