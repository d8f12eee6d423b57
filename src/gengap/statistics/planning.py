"""The power a study has to show a difference.

The power of Student's two-sided test of a true difference ``d``, estimated with variance ``V`` at
``f`` degrees of freedom (:mod:`gengap.statistics.variance_parts`), is

    P(|T| > t_f),  T noncentral t with f degrees of freedom and noncentrality d / sqrt(V).

With a spread between environments alone, ``V = s^2 / K`` and ``f = K - 1``, it is that of the
one-sample t-test with environments as the unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.statistics.variance_parts import VarianceParts


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
