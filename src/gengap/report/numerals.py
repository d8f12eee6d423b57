"""Numbers as the report prints them: one rounding for the whole page, rounded as by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from gengap.report.summary import Summary

MISSING = "n/a"


@dataclass(frozen=True)
class Numerals:
    """How to print scores and differences.

    Attributes:
        percent: scores are fractions, shown in percent, and differences in points.
        decimals: digits after the point, of scores and differences alike; None for numbers so
            large or small that three significant digits are clearer.
        minus: a hyphen in plain text, a minus sign in HTML.
    """

    percent: bool
    decimals: int | None
    minus: str = "-"

    def __call__(self, value: float | None, *, plus: bool = False) -> str:
        """Print a score or a difference; ``plus`` marks positive values with a sign."""
        if value is None:
            return MISSING
        text = self._digits(abs(value))
        if not any(digit in "123456789" for digit in text):
            return text
        return ("+" if plus else "") + text if value > 0 else self.minus + text

    def interval(self, low: float | None, high: float | None, *, plus: bool = False) -> str:
        """Print ``1.2 to 3.0``; empty when either end was not measured."""
        if low is None or high is None:
            return ""
        return f"{self(low, plus=plus)} to {self(high, plus=plus)}"

    def around(self, value: float | None, low: float | None, high: float | None) -> str:
        """Print the interval around an estimate; empty when there is no estimate."""
        return "" if value is None else self.interval(low, high)

    def scaled(self, value: float) -> float:
        """Return the value in the unit printed: percent or points, else unchanged."""
        return value * 100 if self.percent else value

    def _digits(self, size: float) -> str:
        if self.decimals is None:
            return f"{self.scaled(size):.3g}".replace("e-", f"e{self.minus}")
        # repr gives the shortest decimal that names the float, so 0.0215 is exactly 2.15 points.
        exact = Decimal(repr(size)).scaleb(2 if self.percent else 0)
        step = Decimal(1).scaleb(-self.decimals)
        return f"{exact.quantize(step, rounding=ROUND_HALF_UP):,f}"


def numerals_for(summary: Summary, minus: str = "-") -> Numerals:
    """Choose digits so that three in four costs, and ends of their intervals, show two that count.

    Fractions are shown in percent with one decimal, or two when costs are below 0.1 points.
    """
    percent = bool(summary.study["metric_is_fraction"])
    costs = [
        row[key]
        for row in [*summary.methods, *summary.environments]
        for key in ("cost_of_unseen", "cost_low", "cost_high")
    ]
    scores = [row[key] for row in summary.methods for key in ("score_unseen", "worst_unseen")]
    typical = _typical(costs)
    if percent:
        return Numerals(True, 2 if 0 < typical < 0.001 else 1, minus)
    digits = 1 - _magnitude(typical) if typical else 2 - _magnitude(_typical(scores) or 1.0)
    largest = max((abs(value) for value in [*costs, *scores] if value is not None), default=0.0)
    if digits > 6 or largest >= 1e9:
        return Numerals(False, None, minus)
    return Numerals(False, max(digits, 0), minus)


def duration(seconds: float | None) -> str:
    """Print a time in the largest sensible unit: ``0.4 s``, ``12 s``, ``3.5 min``, ``2.1 h``."""
    if seconds is None:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def count(value: float | None) -> str:
    """Print a whole number with thousands separated."""
    return MISSING if value is None else f"{value:,.0f}"


def _typical(values: Iterable[float | None]) -> float:
    """Return the lower quartile of the sizes that are not zero; 0 when there are none."""
    sizes = sorted(abs(value) for value in values if value)
    return sizes[len(sizes) // 4] if sizes else 0.0


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))
