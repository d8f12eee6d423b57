"""Numbers as every report prints them, rounded as by hand: one place for all that are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from gengap.report.text import many
from gengap.statistics.intervals import Interval

MISSING = "n/a"
HYPHEN, MINUS = "-", "−"
_MINUS = ContextVar("minus", default=HYPHEN)


@contextmanager
def typeset() -> Iterator[None]:
    """Print numbers with minus signs, as pages and drawings do; plain text has hyphens.

    It holds for all numbers printed inside, so no sentence or table can forget it.
    """
    token = _MINUS.set(MINUS)
    try:
        yield
    finally:
        _MINUS.reset(token)


def signed(text: str) -> str:
    """Return a printed number with the minus sign of where it is printed."""
    return text.replace(HYPHEN, _MINUS.get())


@dataclass(frozen=True)
class Numerals:
    """How to print scores and differences.

    Attributes:
        percent: scores are fractions, shown in percent, and differences in points.
        decimals: digits after the point, of scores and differences alike; None for three
            significant digits.
        least: smaller sizes are rounding of the arithmetic, and print as 0.
    """

    percent: bool
    decimals: int | None
    least: float = 0.0

    def __call__(self, value: float | None, *, plus: bool = False) -> str:
        """Print a score or a difference; ``plus`` marks positive values with a sign."""
        if value is None or math.isnan(value):
            return MISSING
        size = abs(float(value))
        text = self._digits(size if size >= self.least else 0.0)
        if not any(digit in "123456789" for digit in text):
            return text
        return ("+" if plus else "") + text if value > 0 else signed(f"-{text}")

    def interval(self, low: float | None, high: float | None, *, plus: bool = False) -> str:
        """Print ``1.2 to 3.0``; empty when either end was not measured."""
        if low is None or high is None or math.isnan(low) or math.isnan(high):
            return ""
        return f"{self(low, plus=plus)} to {self(high, plus=plus)}"

    def around(
        self, value: float | None, low: float | None, high: float | None, *, plus: bool = False
    ) -> str:
        """Print the interval around an estimate; empty when there is no estimate."""
        return "" if value is None else self.interval(low, high, plus=plus)

    def limits(self, interval: Interval, *, plus: bool = False) -> str:
        """Print the limits of an interval; empty where it has none."""
        return self.interval(interval.low, interval.high, plus=plus)

    def points(self, value: float | None, *, plus: bool = False) -> str:
        """Print a difference with its unit: ``2.1 points``, or the bare number without one."""
        text = self(value, plus=plus)
        if not self.percent or text == MISSING:
            return text
        return f"{text} {'point' if text == '1' else 'points'}"

    def score(self, value: float | None) -> str:
        """Print a score with its unit: ``91.2%``, or the bare number without one."""
        return self(value) + ("%" if self.percent else "")

    def scaled(self, value: float | None) -> float | None:
        """Return the value in the unit printed: percent or points, else unchanged."""
        return value if value is None or not self.percent else value * 100

    def _digits(self, size: float) -> str:
        shown = 100 * size if self.percent else size
        if self.decimals is None or shown >= 1e15:  # beyond, decimals are no information
            if 999.5 <= shown < 1e9:
                return f"{shown:,.0f}"
            return signed(f"{shown:.3g}")
        # repr gives the shortest decimal that names the float, so 0.0215 is exactly 2.15 points.
        exact = Decimal(repr(size)).scaleb(2 if self.percent else 0)
        step = Decimal(1).scaleb(-self.decimals)
        return f"{exact.quantize(step, rounding=ROUND_HALF_UP):,f}"


WHOLE_PERCENT = Numerals(True, 0)


def share(value: float | None) -> str:
    """Print a share: ``12%``; never ``0%`` or ``100%`` unless it is just that."""
    if value is None or math.isnan(value):
        return MISSING
    if 0 < value < 0.005 or 0.995 <= value < 1:
        return "<1%" if value < 0.5 else ">99%"
    return WHOLE_PERCENT.score(value)


def level_text(level: float) -> str:
    """Print a confidence level, or what it leaves: ``95%``."""
    return f"{100 * level:.3g}%"


def p_text(p: float | None) -> str:
    """Print a p-value: ``0.003``, or ``<0.001``; ``n/a`` where there is none."""
    if p is None or math.isnan(p):
        return MISSING
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """Print a p-value for a sentence: ``p = 0.003`` or ``p < 0.001``."""
    text = p_text(p)
    return f"p < {text[1:]}" if text[0] == "<" else f"p = {text}"


def fixed(value: float | None, decimals: int = 2) -> str:
    """Print a rank, a probability or another number without a unit."""
    return MISSING if value is None or math.isnan(value) else signed(f"{value:.{decimals}f}")


def tenths(value: float | None) -> str:
    """Print a number without a unit to one decimal."""
    return fixed(value, 1)


def given(value: float | None) -> str:
    """Print a number as the user gave it; empty where none was."""
    return "" if value is None else signed(f"{value:g}")


def significant(value: float | None, digits: int = 4) -> str:
    """Print a value of a column or a factor to so many significant digits."""
    return MISSING if value is None else signed(f"{value:.{digits}g}")


def count(value: float | None) -> str:
    """Print a whole number with thousands separated."""
    return MISSING if value is None else f"{value:,.0f}"


def counted(number: float, noun: str) -> str:
    """Print a number of things: ``1 run``, ``1,234 runs``."""
    return f"{count(number)} {noun if number == 1 else many(noun)}"


def duration(seconds: float | None) -> str:
    """Print a time in the largest sensible unit: ``0.4 s``, ``12 s``, ``3.5 min``, ``2.1 h``."""
    if seconds is None:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def typical(values: Iterable[float | None], quantile: float = 0.25) -> float:
    """Return a quantile of the sizes that are not zero; 0 when there are none."""
    sizes = sorted(abs(value) for value in values if value)
    return sizes[int(len(sizes) * quantile)] if sizes else 0.0


def magnitude(value: float) -> int:
    """Return the power of ten of a positive number's first digit."""
    return math.floor(math.log10(value))
