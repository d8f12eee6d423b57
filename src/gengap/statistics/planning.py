"""How many environments a study needs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.errors import UsageError
from gengap.statistics.intervals import check_level, quantile


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
