"""How many environments a study needs, and the power it has.

The power of Student's two-sided test of a true difference ``d``, estimated with variance ``V`` at
``f`` degrees of freedom (:mod:`gengap.statistics.variance_parts`), is

    P(|T| > t_f),  T noncentral t with f degrees of freedom and noncentrality d / sqrt(V).

With a spread between environments alone, ``V = s^2 / K`` and ``f = K - 1``, it is that of the
one-sample t-test with environments as the unit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.intervals import check_level, quantile
from gengap.statistics.variance_parts import VarianceParts


def environments_for_width(costs: ArrayLike, width: float, level: float = 0.95) -> int:
    """How many environments give the mean cost of the source an interval of ``+- width``.

    The smallest ``K`` of at least 2 with ``t_{K-1} s / sqrt(K) <= width``, where ``s`` is the
    standard deviation of the costs measured so far, taken to stay what it is. It holds the
    measurement noise of environments of this size, so more test examples in each would help too.

    Args:
        costs: ``(k,)`` measured costs of at least 2 environments.
        width: half the length asked of the interval, in the unit of the costs.
        level: the confidence level.

    Returns:
        The total number of environments, those already measured included; 2 when all costs agree.

    Raises:
        UsageError: fewer than two costs, costs that are not finite, a width that is not positive.

    Example:
        >>> environments_for_width([-0.02, 0.0, 0.02], width=0.02)
        7
    """
    check_level(level)
    values = np.asarray(costs, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise UsageError(
            "Planning needs the measured costs of at least 2 environments, all finite numbers."
        )
    if not 0 < width < math.inf:
        raise UsageError(f"width is {width}; give the half-width wanted, a positive number.")
    spread = float(values.std(ddof=1))
    # Student's t exceeds the normal quantile, so the normal answer is a lower bound, short by few.
    number = max(2, math.ceil((quantile(level, math.inf) * spread / width) ** 2))
    while quantile(level, number - 1) * spread > width * math.sqrt(number):
        number += 1
    return number


def detection_power(
    parts: VarianceParts,
    difference: float,
    environments: ArrayLike,
    seeds: ArrayLike,
    examples: ArrayLike,
    level: float = 0.95,
) -> np.ndarray:
    """The chance that Student's two-sided test finds a true ``difference``; arrays broadcast.

    0 where a part of the variance could not be estimated: fewer than 2 environments, or one seed
    though seeds matter.
    """
    variance, degrees = parts.variance(environments, seeds, examples)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = abs(difference) / np.sqrt(variance)
        critical = special.stdtrit(degrees, (1 + level) / 2)
        power = 1 - special.nctdtr(degrees, shift, critical)
        # The other tail is below 1e-9 from a shift of 6, where SciPy 1.17 gives NaN at times.
        power = power + np.where(shift < 6, special.nctdtr(degrees, shift, -critical), 0.0)
    return np.where(degrees > 0, np.where(variance > 0, power, 1.0), 0.0)
