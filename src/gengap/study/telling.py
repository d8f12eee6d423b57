"""Intervals as they are shown: around the figure beside them, no wider than what is possible."""

from __future__ import annotations

import math
from dataclasses import replace

from gengap.statistics.intervals import Interval

SAYS_NOTHING = "So few environments cannot tell what others like them cost."


def around(estimate: float, interval: Interval) -> Interval:
    """The interval around the figure that is shown.

    Intervals weigh the splits and seeds of an environment alike, figures weigh seeds alike. The two
    differ only where some seeds test no row of an environment in some split.
    """
    shift = estimate - interval.estimate
    return replace(
        interval, estimate=estimate, low=interval.low + shift, high=interval.high + shift
    )


def as_told(difference: Interval, limits: tuple[float, float]) -> Interval:
    """The interval of a difference of two scores, cut to what is possible.

    Without limits where it says next to nothing.

    Args:
        limits: least and greatest score.
    """
    least, greatest = limits
    found = difference.within(least - greatest, greatest - least)
    # Half of all differences that are possible.
    if found.high - found.low > greatest - least:
        return replace(found, low=math.nan, high=math.nan, note=SAYS_NOTHING)
    return found
