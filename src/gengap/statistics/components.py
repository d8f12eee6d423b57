"""Where the variance of a score comes from: environment, seed, their interaction, split, example.

    score = mean + environment + seed + (environment x seed) + split + example + residual,

independent random effects, each with a variance; the residual of per-example scores is the
interaction of example and training plus noise. With one score per environment and seed the
residual is the interaction of environment and seed, and so on: what the table cannot tell apart is
said in ``remarks``, never guessed (:mod:`gengap.statistics.crossed`).

It helps to plan a study: variance of environments is paid off by more environments only, that of
seeds by more seeds, that of examples by larger test parts. It hurts where the parts are read as
exact: a variance between 3 environments has an interval of several orders of magnitude.

*Estimates.* Restricted maximum likelihood (:mod:`gengap.statistics.reml`), or Henderson's moments,
which agree where the table is balanced and no variance is negative.

*Limits*, the same for both, are those of the profile of the restricted likelihood: all variances
``v`` with ``deviance(v) - least deviance <= c``. The usual ``c``, a quantile of chi-square with one
degree of freedom, is for large samples. For the variance of ``f + 1`` normal numbers the rise is
exactly ``f (r - 1 - log r)`` with ``r = s^2 / v`` and ``f r`` chi-square with ``f`` degrees of
freedom, so here ``c`` is the quantile of that, with ``f`` the part's degrees of freedom in the
analysis of variance: 4.41 for 3 environments and 3.94 for 14, instead of 3.84.

They hold with normal effects. Skewed environments break them, and more environments do not help
(docs/results.md has how often each held).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from gengap.base.errors import UsageError
from gengap.statistics.crossed import RESIDUAL, Design, moments, read_design
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.reml import (
    SMALLEST_RESIDUAL,
    Point,
    Sums,
    maximise,
    profile_limits,
    table_sums,
)

FEW_LEVELS = "Only {levels} levels of {part}: its variance is known to an order of magnitude."
FEW_DEGREES = (
    "The residual has only {degrees} degrees of freedom: in as few as 90% of studies do limits at "
    "95% hold its variance."
)
BELOW_ZERO = "The moments of {part} give {value:.3g}, below 0, so 0."
EXPLAINED = "The other parts explain the scores as far as rounding lets one see."
OUTSIDE = "The estimate by moments lies outside these limits, which are those of the likelihood."
NO_SPREAD = "All scores are equal."


@dataclass(frozen=True)
class Components:
    """The parts of a score's variance.

    Attributes:
        variances: per part the interval of its variance, in squared units of the score. The parts
            are those of ``environment``, ``seed``, ``split``, ``environment x seed``, ``example``
            and ``residual`` that can be told apart.
        levels: per part how many were seen; of the residual, the number of scores.
        remarks: sentences on the parts that could not be told apart.
        method: ``"reml"`` or ``"moments"``.
    """

    variances: dict[str, Interval]
    levels: dict[str, int]
    remarks: tuple[str, ...]
    method: str

    @property
    def total(self) -> float:
        """The variance of one score, the sum of the parts."""
        return sum(part.estimate for part in self.variances.values())

    @property
    def shares(self) -> dict[str, float]:
        """Each part over the total; NaN where all scores are equal."""
        total = self.total
        return {k: v.estimate / total if total else math.nan for k, v in self.variances.items()}

    @property
    def deviations(self) -> dict[str, Interval]:
        """Per part the interval of its standard deviation, in units of the score."""
        return {name: _root(variance) for name, variance in self.variances.items()}

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {share:.1%}" for name, share in self.shares.items())
        return f"Components({self.total:.4g} = {parts}; {self.method})"


def variance_components(
    score: ArrayLike,
    *,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike | None = None,
    split: ArrayLike | None = None,
    method: Literal["reml", "moments"] = "reml",
    level: float = 0.95,
) -> Components:
    """Split the variance of scores into the parts that can be told apart.

    Args:
        score: ``(n,)`` scores, one per scored example or one per environment and seed; NaN where
            one is missing.
        environment: ``(n,)`` labels.
        seed: ``(n,)`` labels of training seeds; the same label in two environments is the same
            seed.
        example: ``(n,)`` labels, the same under every seed; the same label in two environments
            is two examples.
        split: ``(n,)`` labels of the split into training and test part; the same label is the
            same split.
        method: restricted maximum likelihood or moments.
        level: the confidence level of the limits.

    Raises:
        UsageError: unusable columns, or too few scores to tell any parts apart.

    Example:
        >>> score = [1.0, 2.0, 3.0, 5.0, 6.0, 7.5]
        >>> variance_components(score, environment=[0, 0, 0, 1, 1, 1], seed=[0, 1, 2] * 2)
        Components(9.958 = environment 87.0%, seed 12.6%, residual 0.4%; reml)
    """
    check_level(level)
    if method not in ("reml", "moments"):
        raise UsageError(f"method is {method!r}; give 'reml' or 'moments'.")
    design = read_design(score, environment, seed, example, split)
    levels = {name: design.levels(name) for name in design.names}
    by_moments = moments(design)
    scale = float(np.ptp(design.scores))
    if scale <= 1e-12 * float(np.abs(design.scores).max()):
        none = Interval(0.0, math.nan, math.nan, level, NO_SPREAD)
        return Components(dict.fromkeys(design.names, none), levels, design.remarks, method)
    scale = float(design.scores.var())
    sums = table_sums(design, (design.scores - design.scores.mean()) / math.sqrt(scale))
    best = maximise(sums, np.maximum(by_moments / scale, 0.01))
    estimates = by_moments if method == "moments" else best.theta * scale
    intervals = {
        name: _interval(design, sums, best, part, float(estimates[part]), scale, level)
        for part, name in enumerate(design.names)
    }
    return Components(intervals, levels, design.remarks, method)


def rise_quantile(level: float, degrees: int) -> float:
    """Quantile of ``f (r - 1 - log r)`` for ``f r`` chi-square with ``f`` degrees of freedom."""

    def excess(c: float) -> float:
        # Both solutions of r - 1 - log r = c / f, by Lambert's function.
        at = -np.exp(-1 - c / degrees)
        low, high = (-special.lambertw(at, branch).real for branch in (0, -1))
        return float(special.chdtr(degrees, degrees * high) - special.chdtr(degrees, degrees * low))

    return float(optimize.brentq(lambda c: excess(c) - level, 1e-6, 100.0))


def _interval(
    design: Design, sums: Sums, best: Point, part: int, estimate: float, scale: float, level: float
) -> Interval:
    name = design.names[part]
    degrees = design.degrees(name)
    low, high = profile_limits(sums, best, part, rise_quantile(level, degrees))
    low, high = low * scale, high * scale
    notes = []
    if estimate < 0:
        notes.append(BELOW_ZERO.format(part=name, value=estimate))
        estimate = 0.0
    if name == RESIDUAL and 0 < estimate < 1.5 * SMALLEST_RESIDUAL * scale:
        notes.append(EXPLAINED)
        estimate = 0.0
    if not low * (1 - 1e-6) <= estimate <= high * (1 + 1e-6):
        notes.append(OUTSIDE)
    if name == RESIDUAL and degrees < 6:
        notes.append(FEW_DEGREES.format(degrees=degrees))
    elif degrees < 3:
        notes.append(FEW_LEVELS.format(levels=design.levels(name), part=name))
    return Interval(estimate, low, high, level, " ".join(notes))


def _root(variance: Interval) -> Interval:
    estimate, low, high = np.sqrt([variance.estimate, variance.low, variance.high]).tolist()
    return Interval(estimate, low, high, variance.level, variance.note)
