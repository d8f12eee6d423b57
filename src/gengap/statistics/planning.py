r"""The power a study has to show a difference, when what the difference varies with is estimated.

*Which test.* With the parts of :mod:`gengap.statistics.variance_parts`, ``w`` an environment's
variance within and ``b`` the mean square of environments by seeds, a study of ``K`` environments
and ``S`` seeds has as variances over environments and over seeds

    V_e = (V_c + w) / K,     V_s = (V_a + b / K) / S,     Var(mean) = V_e + V_a / S.

- *comparison* of two methods (:mod:`gengap.statistics.comparison`): environments and seeds crossed,
  half-width ``sqrt(t_{K-1}^2 V_e + t_{S-1}^2 V_s)``;
- *cost* of unseen (:mod:`gengap.statistics.source`): ``sqrt(t_{K-1}^2 d V_e + z^2 C)``, with
  ``d = (K - 1) / (K - 2)`` for costs that share what they are trained on, which their mean varies
  by as well, and ``C`` what ``V_s`` has above ``b / (K S)``, drawn towards 0 as in
  :func:`gengap.statistics.variance.common_variance`.

The power is the chance that a normal mean lies beyond the half-width, over the chi-squares that
``V_e`` and ``V_s`` of the new study are.

*Estimates are not the truth.* Four environments tell their spread to a factor of three. A plan that
takes it for certain delivers less power than it promises, since what is lost where it was too small
is more than is won where it was too large. So the power is averaged over what the variances could
be: with ``X`` chi-square,

    V_c + w  ~  its estimate (K - 1) / X_{K-1},     V_a + b / K  ~  its estimate (S - 1) / X_{S-1}.

Were there nothing but a spread of environments, the number of environments planned for would go by
its estimate, and the average over this distribution would be the very power that such plans deliver
on average: both are of the ratio of estimate and truth alone.

*The cost shrinks* as environments are added to train on: by the share
``(1 / (K - l) + 1 / K)`` in that of the study measured, ``l`` left out at a time, as it does for a
mean (:func:`gengap.statistics.source.cost_share`, an assumption). The environments' costs spread in
proportion to it; the noise of examples and seeds is taken to stay.

Source: distributions of variances given their estimates as in K. Krishnamoorthy & T. Mathew,
Journal of Statistical Planning and Inference 115 (2003), 103-121.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import numpy as np
from scipy import special
from scipy.stats import qmc

from gengap.statistics.intervals import quantile
from gengap.statistics.variance import SEED_DEGREES
from gengap.statistics.variance_parts import VarianceParts

Test = Literal["cost", "comparison"]
FEWEST = 3
_POINTS = 512


class Size(NamedTuple):
    """A study's size: environments, seeds, and test examples per environment and seed."""

    environments: int
    seeds: int
    examples: float


@dataclass(frozen=True)
class Sought:
    """What a study is to show.

    Attributes:
        difference: true in a study like the one measured; its sign does not matter.
        level: 1 minus the chance of a false finding.
        test: by which it is judged.
        left_out: environments unseen at a time where the difference is a cost that shrinks as they
            are added to train on; 0 where it does not.
    """

    difference: float
    level: float = 0.95
    test: Test = "comparison"
    left_out: float = 0.0

    def share(self, parts: VarianceParts, environments: float) -> float:
        """What is left of the difference in a study of so many environments."""
        if self.left_out == 0:
            return 1.0
        now, then = (
            1 / max(K - self.left_out, 1) + 1 / K for K in (parts.environments, environments)
        )
        return float(then / now)


def detection_power(
    parts: VarianceParts,
    sought: Sought,
    size: Size,
    *,
    environment: float | None = None,
    seed: float | None = None,
) -> float:
    """The chance that a study of another size finds the difference.

    Args:
        parts: of the study measured.
        sought: what to find, and by which test.
        size: of the study to be made.
        environment: ``V_c``, taken for certain; None to average over what it could be.
        seed: ``V_a``, likewise.

    Returns:
        0 where the test cannot be made: fewer than 3 environments, or one seed though seeds matter.
    """
    if not _testable(parts, size):
        return 0.0
    could = _could_be(parts)
    V_c = could[0] if environment is None else environment
    V_a = could[1] if seed is None else seed
    share = sought.share(parts, size.environments)
    squares, variance = _squares(parts, sought, size, V_c * share**2, V_a)
    half = np.sqrt(squares)
    deviation = np.sqrt(np.maximum(variance, 1e-300))
    shift = abs(sought.difference) * share
    found = special.ndtr((shift - half) / deviation) + special.ndtr((-shift - half) / deviation)
    return float(np.mean(found))


def typical_half_width(parts: VarianceParts, sought: Sought, size: Size) -> float:
    """About the half-width of the test's limits, by the parts as estimated; NaN without a test."""
    if not _testable(parts, size):
        return math.nan
    environment = parts.environment * sought.share(parts, size.environments) ** 2
    squares, _ = _squares(parts, sought, size, environment, parts.seed, typical=True)
    return math.sqrt(float(squares))


def limits(parts: VarianceParts, level: float) -> tuple[float, float]:
    """One-sided upper limits of ``V_c`` and ``V_a``; 0 for that of seeds with one of them."""
    K, S, n = parts.environments, parts.seeds, parts.examples
    within, between = parts.within(S, n), parts.between(S, n) / K
    environment = _limit(parts.environment + within, K - 1, level) - within
    seed = _limit(parts.seed + between, S - 1, level) - between if S > 1 else 0.0
    return max(environment, 0.0), max(seed, 0.0)


def _limit(square: float, degrees: int, level: float) -> float:
    return square * degrees / float(special.chdtri(degrees, level))


def _testable(parts: VarianceParts, size: Size) -> bool:
    return size.environments >= FEWEST and (size.seeds > 1 or parts.seeds == 1)


def _squares(
    parts: VarianceParts,
    sought: Sought,
    size: Size,
    environment: np.ndarray | float,
    seed: np.ndarray | float,
    typical: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Squared half-widths, and the variance of the mean, for ``V_c`` and ``V_a`` of each point."""
    K, S, n = size
    between = parts.between(S, n) / K
    V_e = (environment + parts.within(S, n)) / K
    over_environments = 1.0 if typical else _chi_square(K - 1, 2)
    over_seeds = 1.0 if typical or S == 1 else _chi_square(S - 1, 3)
    own = (seed + between) * over_seeds
    if sought.test == "cost":
        V_e = V_e * (K - 1) / (K - 2)
        prior = SEED_DEGREES * np.minimum(between / np.where(own > 0, own, 1.0), 1.0)
        common = (S - 1) * np.maximum(own - between, 0) / np.maximum(prior + S - 1, 1) / S
        seeds = quantile(sought.level, math.inf) ** 2 * common
    elif S > 1:
        seeds = quantile(sought.level, S - 1) ** 2 * own / S
    else:
        seeds = 0.0
    squares = quantile(sought.level, K - 1) ** 2 * V_e * over_environments + seeds
    return np.asarray(squares), np.asarray(V_e + seed / S)


@lru_cache(maxsize=64)
def _could_be(parts: VarianceParts) -> tuple[np.ndarray, np.ndarray]:
    """What ``V_c`` and ``V_a`` could be, ``(_POINTS,)`` each."""
    K, S, n = parts.environments, parts.seeds, parts.examples
    within, between = parts.within(S, n), parts.between(S, n) / K
    environment = (parts.environment + within) / _chi_square(K - 1, 0) - within
    if S == 1:
        return np.maximum(environment, 0.0), np.zeros(_POINTS)
    seed = (parts.seed + between) / _chi_square(S - 1, 1) - between
    return np.maximum(environment, 0.0), np.maximum(seed, 0.0)


@lru_cache(maxsize=2048)
def _chi_square(degrees: int, axis: int) -> np.ndarray:
    """Chi-square over its degrees of freedom ``(_POINTS,)``, one draw of independent four."""
    found: np.ndarray = special.chdtri(degrees, 1 - _uniform()[:, axis]) / degrees
    return found


@cache
def _uniform() -> np.ndarray:
    """Evenly spread points of the unit cube, ``(_POINTS, 4)``."""
    points: np.ndarray = qmc.Sobol(4, scramble=False).random(_POINTS)
    # Along each axis they are the lower ends of as many equal slices.
    return points + 0.5 / _POINTS
