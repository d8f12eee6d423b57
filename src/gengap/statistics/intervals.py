"""``Interval``: an estimate with its confidence or prediction interval, and Student's t behind it.

Student's interval ``estimate +- t * sqrt(variance)`` needs the degrees of freedom of the variance.
Where the variance is a sum of independent mean squares, ``V = sum_j V_j`` with ``f_j`` degrees of
freedom each, matching the first two moments of a chi-square gives the effective number

    f = V^2 / sum_j (V_j^2 / f_j).

Source: F. E. Satterthwaite, An approximate distribution of estimates of variance components,
Biometrics Bulletin 2 (1946), 110-114.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from gengap.base.errors import UsageError


@dataclass(frozen=True, repr=False)
class Interval:
    """An estimate with limits, in the unit of the score.

    Attributes:
        estimate: the estimate.
        low: lower limit; NaN when it cannot be had, with the reason in ``note``.
        high: upper limit; NaN together with ``low``.
        level: the share of studies in which such an interval holds the truth, in (0, 1).
        note: what a reader must know about this interval, a sentence or empty.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    note: str = ""

    @property
    def half_width(self) -> float:
        """Half the distance between the limits."""
        return (self.high - self.low) / 2

    @property
    def defined(self) -> bool:
        """Whether the interval has limits."""
        return not math.isnan(self.low)

    def excludes(self, value: float = 0.0) -> bool:
        """Whether ``value`` lies strictly outside; False for an interval without limits."""
        return self.low > value or self.high < value

    def within(self, low: float = -math.inf, high: float = math.inf) -> Interval:
        """The same estimate, its limits cut to what is possible."""
        if not self.defined:
            return self
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    def __repr__(self) -> str:
        limits = f"{self.low:.4g} to {self.high:.4g}, {100 * self.level:g}%"
        note = f", note={self.note!r}" if self.note else ""
        return f"Interval({self.estimate:.4g}, {limits}{note})"


def satterthwaite(parts: np.ndarray, degrees: np.ndarray) -> float:
    """Effective degrees of freedom of ``sum(parts)``; infinite when every part is 0.

    Args:
        parts: ``(k,)`` independent variances, each at least 0.
        degrees: ``(k,)`` degrees of freedom; a part of 0 may have 0 of them.
    """
    used = parts > 0
    if not used.any():
        return math.inf
    shares = parts[used] / parts[used].sum()
    with np.errstate(divide="ignore"):
        return float(1 / np.sum(shares**2 / degrees[used]))


def quantile(level: float, degrees: float) -> float:
    """The ``t`` for a two-sided interval at ``level``; ``degrees`` may be infinite."""
    upper = (1 + level) / 2
    return float(special.ndtri(upper) if degrees == math.inf else special.stdtrit(degrees, upper))


def student(
    estimate: float, variance: float, degrees: float, level: float = 0.95, note: str = ""
) -> Interval:
    """Student's interval ``estimate +- t * sqrt(variance)``.

    A variance of NaN gives NaN limits; a variance of 0 gives limits equal to the estimate.
    """
    half = quantile(level, degrees) * math.sqrt(variance) if variance > 0 else 0.0
    if math.isnan(variance):
        half = math.nan
    return Interval(float(estimate), float(estimate - half), float(estimate + half), level, note)


def skewed_student(
    estimate: float, variance: float, skewness: float, degrees: float, level: float = 0.95
) -> tuple[Interval, float]:
    """Limits and the two-sided p-value of 0 for an estimate that is skewed.

    Student's t is made about symmetric by Hall's transformation ``t + g t^2 / 3 + g^2 t^3 / 27 +
    g / 6``, with ``g`` the estimate's skewness: that of single values over the root of their
    number, for a mean. Source: P. Hall, On the removal of skewness by transformation, Journal of
    the Royal Statistical Society B 54 (1992), 221-228.
    """
    plain = student(estimate, variance, degrees, level)
    if not variance > 0 or abs(skewness) < 1e-6 or math.isnan(estimate):
        return plain, p_value(estimate, variance, degrees)
    root, t = math.sqrt(variance), estimate / math.sqrt(variance)
    even = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    ends = (
        estimate - root * _uneven(sign * quantile(level, degrees), skewness) for sign in (1, -1)
    )
    low, high = ends
    return Interval(estimate, low, high, level), p_value(even, 1.0, degrees)


def _uneven(even: float, skewness: float) -> float:
    """What Hall's transformation takes to a value."""
    return 3 / skewness * (float(np.cbrt(1 + skewness * (even - skewness / 6))) - 1)


def student_mean(values: np.ndarray, level: float = 0.95, note: str = "") -> Interval:
    """Student's interval of the mean of independent ``values (n,)``, ``n - 1`` degrees of freedom.

    With fewer than two values there are no limits, and with none no estimate.
    """
    n = len(values)
    if n < 2:
        mean = float(values.mean()) if n else math.nan
        return Interval(mean, math.nan, math.nan, level, note)
    return student(float(values.mean()), float(values.var(ddof=1)) / n, n - 1, level, note)


def p_value(estimate: float, variance: float, degrees: float) -> float:
    """Two-sided p-value of Student's test of 0, NaN for a variance of NaN.

    With a variance of 0 it is 1 for an estimate of 0 and else 0.
    """
    if variance == 0:
        return 1.0 if estimate == 0 else 0.0
    t = -abs(estimate) / math.sqrt(variance)
    return float(2 * (special.ndtr(t) if degrees == math.inf else special.stdtr(degrees, t)))


def check_level(level: float) -> None:
    """Raise a usage error unless ``level`` lies strictly between 0 and 1."""
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; give a share between 0 and 1, e.g. 0.95.")
