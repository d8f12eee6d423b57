"""The mean of a difference over environments *and* seeds: limits and p-value.

Methods are trained under a few seeds and each trained model is scored in all environments. What a
method differs by in environment ``e`` under seed ``s`` is then

    d_es = mean + environment_e + seed_s + rest_es,

and environments are not independent: a lucky seed is lucky everywhere. More environments do not
average that out, only more seeds do. With the mean squares of a two-way table,

    Var(mean of d) = (E[MS_e] + E[MS_s] - E[MS_es]) / (E S)  <=  V_e + V_s,

    V_e = variance of the environments' means / E,    V_s = variance of the seeds' means / S.

``V_e`` and ``V_s`` are independent multiples of chi-squares, and their degrees of freedom differ
much: nine and two for ten environments and three seeds. Satterthwaite's formula, or testing first
whether seeds matter, gives up to three times the errors it promises there. The half-width

    h = sqrt(t_{E-1}^2 V_e + t_{S-1}^2 V_s)

does not: whatever the true variances, ``P(|mean - truth| > h) <= alpha`` for normal scores, since
the chance that ``Z^2`` exceeds a weighted sum of chi-squares is convex in the weights and ``alpha``
where one of them has all. With ten seeds it
is hardly wider than Student's interval over environments, with three about 1.4 times, with two
3 times: two seeds say next to nothing about what another seed would do.

*Skewness.* Where differences are lopsided (one method now and then fails) Student's t is wrong
against the long tail. With ``u = |mean| / s`` and ``k`` the sample skewness over environments
where it points against the mean, less its standard error in normal samples, Johnson's correction
``u - k (u^2 / 3 + 1 / (6 E))`` takes it out to first order; it must exceed ``h / s`` too. An
expansion in small ``u``, it takes off half of ``u`` at most. What a sample does not show cannot be
corrected: a method that collapses in a tenth of environments has not collapsed in any of five in
59% of studies.

Sources: S. Banerjee, Approximate confidence interval for linear functions of means of k populations
when the population variances are not equal, Sankhya 22 (1960), 357-358; N. J. Johnson, Modified t
tests and confidence intervals for asymmetrical populations, Journal of the American Statistical
Association 73 (1978), 536-544.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval
from gengap.statistics.two_way import two_way
from gengap.statistics.votes import seed_means

HALVINGS = 45


@dataclass(frozen=True, eq=False)
class CrossedMeans:
    """Means over environments and what they vary with; every attribute may be of many means.

    Attributes:
        estimate: ``(...)`` the mean over environments.
        deviation: ``(...)`` standard deviation of the environments' own means.
        skewness: ``(...)`` of the same, 0 for fewer than three.
        environments: ``(...)`` how many.
        variances: ``(..., J)`` independent parts of the variance of the mean; 0 where a part cannot
            be told, as that of seeds with one seed.
        degrees: ``(..., J)`` their degrees of freedom, at least 1.
    """

    estimate: np.ndarray
    deviation: np.ndarray
    skewness: np.ndarray
    environments: np.ndarray
    variances: np.ndarray
    degrees: np.ndarray

    def half_width(self, level: ArrayLike) -> np.ndarray:
        """Half the width of limits at each ``level``, before any correction for skewness."""
        return half_width(self.variances, self.degrees, level)

    def limits(self, level: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """The least and greatest mean not rejected at ``1 - level``, ``(...)`` each."""
        h = self.half_width(level)
        low, high = (self._uncorrected(h, side) for side in (-1, 1))
        return self.estimate - low, self.estimate + high

    def interval(self, level: float) -> Interval:
        """The limits of a single mean."""
        low, high = self.limits(level)
        return Interval(float(self.estimate), float(low), float(high), level)

    def p_value(self, mean: ArrayLike = 0.0) -> np.ndarray:
        """Two-sided p-value of a ``mean``: the least ``1 - level`` whose limits exclude it."""
        shift = self.estimate - np.asarray(mean, dtype=np.float64)
        worth = self._corrected(np.abs(shift), -np.sign(shift))
        return p_value(worth, self.variances, self.degrees)

    def equivalence_p(self, margin: float) -> np.ndarray:
        """p-value that the mean is not within ``margin`` of 0: the larger of two one-sided ones."""
        sides = [
            np.where(np.sign(self.estimate - end) == -np.sign(end), own / 2, 1 - own / 2)
            for end in (-margin, margin)
            for own in [self.p_value(end)]
        ]
        return np.maximum(*sides)

    def _corrected(self, distance: np.ndarray, side: ArrayLike) -> np.ndarray:
        """What the ``distance`` of a mean on one side, -1 or 1, of the estimate is worth."""
        s, k = self._unit(), self._against(side)
        u = distance / s
        return s * np.maximum(u - k * (u**2 / 3 + 1 / (6 * self.environments)), u / 2)

    def _uncorrected(self, worth: np.ndarray, side: ArrayLike) -> np.ndarray:
        """The distance that is worth so much: the smaller root, and at most twice as far."""
        s, k = self._unit(), self._against(side)
        v = worth / s
        left = 1 - 4 * k / 3 * (v + k / (6 * self.environments))
        # 2 c / (1 + sqrt(1 - 4 a c)) is the smaller root of a u^2 - u + c without cancellation.
        root = 2 * (v + k / (6 * self.environments)) / (1 + np.sqrt(np.maximum(left, 0.0)))
        return s * np.where(left >= 0, np.minimum(root, 2 * v), 2 * v)

    def _against(self, side: ArrayLike) -> np.ndarray:
        """Skewness towards a side beyond its standard error in normal samples, at least 0."""
        error = skewness_error(self.environments)
        return np.maximum(np.asarray(side) * self.skewness - error, 0.0)

    def _unit(self) -> np.ndarray:
        return np.where(self.deviation > 0, self.deviation, 1.0)


def half_width(variances: ArrayLike, degrees: ArrayLike, level: ArrayLike) -> np.ndarray:
    """Half-width ``(...)`` of limits of a mean from parts ``(..., J)`` of its variance."""
    level = np.asarray(level, dtype=np.float64)[..., None]
    t = special.stdtrit(np.asarray(degrees, dtype=np.float64), (1 + level) / 2)
    return np.sqrt(np.sum(t**2 * np.asarray(variances, dtype=np.float64), axis=-1))


def p_value(distance: ArrayLike, variances: ArrayLike, degrees: ArrayLike) -> np.ndarray:
    """The ``1 - level`` at which :func:`half_width` is ``distance``, ``(...)``; NaN without noise.

    A distance of 0 has p = 1 even without noise.
    """
    far, v, f = np.broadcast_arrays(
        np.asarray(distance, dtype=np.float64)[..., None], variances, degrees
    )
    shape, J = far.shape[:-1], far.shape[-1]
    far, v, f = far.reshape(-1, J)[:, 0], v.reshape(-1, J), f.reshape(-1, J)
    parts = np.sum(v > 0, axis=-1)
    # Between the p-value if only one part were there and that if all were as large as the largest.
    low = np.maximum(_largest(far, v, f), 1e-300)
    high = np.maximum(_largest(far, v * np.maximum(parts, 1)[:, None], f), low)
    some = parts > 1
    low[some] = _between(low[some], high[some], far[some], v[some], f[some])
    found = np.where(parts > 0, np.minimum(low, 1.0), np.nan)
    return np.where(far == 0, 1.0, found).reshape(shape)


def _largest(distance: np.ndarray, variances: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """The largest ``(n,)`` of the p-values that each part alone would give."""
    there = variances > 0
    t = np.where(there, distance[:, None] / np.sqrt(np.where(there, variances, 1.0)), np.inf)
    return np.max(2 * special.stdtr(degrees, -t), axis=-1)


def _between(
    low: np.ndarray,
    high: np.ndarray,
    distance: np.ndarray,
    variances: np.ndarray,
    degrees: np.ndarray,
) -> np.ndarray:
    """The p-value ``(n,)`` between two at which the half-width is ``distance``, by bisection."""
    low, high = np.log(low), np.log(high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # The lower tail keeps its digits where 1 - p / 2 rounds to 1.
        t = special.stdtrit(degrees, np.exp(middle)[:, None] / 2)
        wide = np.sum(t**2 * variances, axis=-1) > distance**2
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return np.exp((low + high) / 2)


def crossed_mean(means: ArrayLike, *seeds: tuple[float, float]) -> CrossedMeans:
    """The mean over environments of their ``(E,)`` means, ``E >= 3``.

    Args:
        means: of each environment over its seeds; no NaN.
        seeds: variance of the mean that seeds bring and its degrees of freedom, of each method
            that has seeds of its own; see :func:`seed_part`. Left out where every environment has
            trained models of its own.
    """
    values = np.asarray(means, dtype=np.float64)
    E = values.shape[-1]
    deviation = values.std(axis=-1, ddof=1)
    # What rounding leaves of equal values is no spread.
    deviation = np.where(deviation <= 1e-12 * np.abs(values).max(axis=-1), 0.0, deviation)
    variances = [deviation**2 / E, *(part for part, _ in seeds)]
    degrees = [E - 1.0, *(freedom for _, freedom in seeds)]
    return CrossedMeans(
        values.mean(axis=-1), deviation, skewness(values), np.full(deviation.shape, E),
        np.stack(np.broadcast_arrays(*variances), axis=-1), np.maximum(degrees, 1.0),
    )  # fmt: skip


def skewness(values: np.ndarray) -> np.ndarray:
    """Adjusted Fisher-Pearson skewness over the last axis; 0 without spread or below three."""
    n = values.shape[-1]
    if n < 3:
        return np.zeros(values.shape[:-1])
    centred = values - values.mean(axis=-1, keepdims=True)
    second, third = ((centred**k).mean(axis=-1) for k in (2, 3))
    spread = second > 1e-24 * np.abs(values).max(axis=-1) ** 2
    plain = np.where(spread, third / np.where(spread, second, 1.0) ** 1.5, 0.0)
    return plain * np.sqrt(n * (n - 1)) / (n - 2)


def skewness_error(n: ArrayLike) -> np.ndarray:
    """Standard error of :func:`skewness` in normal samples of ``n`` values."""
    n = np.maximum(np.asarray(n, dtype=np.float64), 3)
    return np.asarray(np.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3))))


def seed_part(scores: ArrayLike) -> tuple[float, float]:
    """Variance ``V_s`` that seeds bring to the mean over environments, and its degrees of freedom.

    Args:
        scores: ``(E, S)`` of seeds that are the same in all environments, NaN where one is missing;
            of one method, or paired differences of two.

    Returns:
        0 and 0 where it cannot be told: fewer than two seeds, or seeds that no chain of shared
        environments compares.
    """
    table = np.asarray(scores, dtype=np.float64)
    seeds = table.shape[1]
    if seeds < 2:
        return 0.0, 0.0
    if np.isfinite(table).all():
        return float(table.mean(axis=0).var(ddof=1)) / seeds, seeds - 1.0
    try:
        fit = two_way(table)
    except UsageError:
        return 0.0, 0.0
    return fit.between.square / max(fit.seeds, 1), fit.between.degrees


def seed_parts(
    first: np.ndarray, second: np.ndarray, *, paired: bool
) -> tuple[tuple[float, float], ...]:
    """The parts ``V_s`` of a difference of two methods ``(E, S)`` scored in the same environments.

    Of the paired differences where every score is there, else of each method by itself.
    """
    if paired and np.isfinite(first - second).all():
        return (seed_part(first - second),)
    return seed_part(first), seed_part(second)


def p_values(means: Sequence[CrossedMeans]) -> np.ndarray:
    """The p-values ``(n,)`` of 0 of several single means, at once."""
    if not means:
        return np.zeros(0)
    most = max(len(mean.variances) for mean in means)

    def padded(parts: np.ndarray, value: float) -> np.ndarray:
        return np.pad(parts, (0, most - len(parts)), constant_values=value)

    return CrossedMeans(
        estimate=np.array([mean.estimate for mean in means]),
        deviation=np.array([mean.deviation for mean in means]),
        skewness=np.array([mean.skewness for mean in means]),
        environments=np.array([mean.environments for mean in means]),
        variances=np.stack([padded(mean.variances, 0.0) for mean in means]),
        degrees=np.stack([padded(mean.degrees, 1.0) for mean in means]),
    ).p_value()


def mean_of_table(scores: ArrayLike) -> CrossedMeans:
    """The mean over environments of scores or differences ``(E, S)`` under common seeds."""
    table = np.asarray(scores, dtype=np.float64)
    means = seed_means(table)
    return crossed_mean(means[np.isfinite(means)], seed_part(table))
