"""A linear axis in percent of the plot: a figure stretches with the page and its text does not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gengap.report.numerals import MINUS

MARGIN = 0.04


@dataclass(frozen=True)
class Axis:
    """The range of values shown and where to put ticks, all in the unit printed."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return the position of ``value`` in percent of the width, held inside the plot."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def labels(self) -> list[str]:
        """Return the ticks as text, with as many decimals as the step needs."""
        step = abs(self.ticks[1] - self.ticks[0]) if len(self.ticks) > 1 else 1.0
        if not 1e-6 <= step < 1e7:
            return [f"{tick:.3g}".replace("-", MINUS) for tick in self.ticks]
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [f"{tick + 0.0:,.{decimals}f}".replace("-", MINUS) for tick in self.ticks]


def make_axis(core: Iterable[float], extra: Iterable[float] = (), *, most_ticks: int = 6) -> Axis:
    """Cover every value of ``core``, and of ``extra`` what lies within four more spans of them.

    Where something ends further away, two spans are shown: intervals for a new environment can be
    ten times as wide as everything else, and would squeeze the estimates into a few pixels. What is
    cut off is drawn with an arrowhead.
    """
    inner = list(core)
    outer = list(extra)
    if not inner:
        inner = outer or [0.0, 1.0]
    low, high = min(inner), max(inner)
    span = high - low
    if outer:
        reach = 2 * span or (max(outer) - min(outer))
        below, above = min([low, *outer]), max([high, *outer])
        low = below if low - below <= 2 * reach else low - reach
        high = above if above - high <= 2 * reach else high + reach
    if high == low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    pad = MARGIN * (high - low)
    low, high = low - pad, high + pad
    return Axis(low, high, nice_ticks(low, high, most_ticks))


def nice_ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Return at most ``most`` multiples of 1, 2 or 5 times a power of ten inside the range."""
    power = 10.0 ** (math.floor(math.log10((high - low) / most)) - 1)
    for factor in (1, 2, 5, 10, 20, 50, 100, 200):
        step = factor * power
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 <= most:
            break
    return tuple(index * step for index in range(first, last + 1))
