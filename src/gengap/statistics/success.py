"""Success rate over seeds: how often a training that may fail does not.

Where trainings either find the rule or do not, a mean of their errors says little: one failure in
ten may outweigh nine successes by any factor. The share that comes past a threshold says what to
expect of the next seed. With ``k`` of ``n`` and ``p = k / n``, Wilson's limits are the rates at
which ``p`` would lie ``z`` deviations away,

    (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n),

which have a width where all or none succeed, and near 95% coverage from ten seeds on. The limits of
a difference of two rates join those of both (Newcombe's method 10),

    d - sqrt((p₁ - l₁)² + (u₂ - p₂)²)   to   d + sqrt((u₁ - p₁)² + (p₂ - l₂)²).

*When it hurts.* The threshold is the user's and is fixed beforehand; a rate says nothing of how far
failures are off. Rates of seeds that share data speak for other initialisations, not other data.

Sources: A. Madsen & A. R. Johansen, Measuring arithmetic extrapolation performance (2019), arXiv
1910.01888; E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212;
R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.statistics import checks
from gengap.statistics.intervals import Interval, check_level


def success_rate(scores: ArrayLike, threshold: float = 0.0, *, level: float = 0.95) -> Interval:
    """The share of seeds whose score lies above a threshold, with Wilson's limits.

    Args:
        scores: ``(n,)`` one number of each seed, larger is better; an error with its sign turned,
            ``-error``. Infinite ones may stand for trainings that ended in none.
        threshold: what a success is above.

    Raises:
        UsageError: no scores, or one that is no number.

    Example:
        >>> success_rate([0.99, 0.2, 1.0, 0.98], threshold=0.95)
        Interval(0.75, 0.3006 to 0.9544, 95%)
    """
    check_level(level)
    above = checks.numbers(scores, "scores", infinite=True) > threshold
    low, high = _limits(above, level)
    return Interval(float(above.mean()), low, high, level)


def success_difference(
    first: ArrayLike, second: ArrayLike, threshold: float = 0.0, *, level: float = 0.95
) -> Interval:
    """The success rate of some seeds minus that of others, with Newcombe's limits.

    Args:
        first, second: ``(n,)`` and ``(m,)`` scores, as of :func:`success_rate`; independent.
        threshold: what a success is above.

    Raises:
        UsageError: no scores, or one that is no number.
    """
    check_level(level)
    one, other = (success_rate(s, threshold, level=level) for s in (first, second))
    difference = one.estimate - other.estimate
    below = math.hypot(one.estimate - one.low, other.high - other.estimate)
    above = math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, difference - below, difference + above, level)


def _limits(above: np.ndarray, level: float) -> tuple[float, float]:
    n, p = len(above), float(above.mean())
    z = float(special.ndtri((1 + level) / 2))
    spread = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    middle, scale = p + z**2 / (2 * n), 1 + z**2 / n
    # At 0 and 1 a limit is exact but for rounding.
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return (0.0 if p == 0 else low), (1.0 if p == 1 else high)
