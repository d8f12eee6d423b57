"""The interval of the score that labels of the new examples would show.

Errors in environments left out vary because environments differ and because each is tested on
finitely many examples. The new examples differ as environments do, but their number ``m`` is their
own. With ``v / m`` the variance of a score over ``m`` examples, and ``w`` the mean of the same over
the environments left out, which their errors hold already, the variance of the new error is

    s^2 (1 + 1/K) + max(0, v / m - w),

with Satterthwaite's degrees of freedom, since only ``s^2`` is estimated from ``K`` errors. More
examples than the environments had narrow nothing, which is cautious. For accuracies ``p`` the
variance is ``v = q (1 - q)`` with ``q = (m p + 2) / (m + 4)``, so that a forecast of 1 has a spread
too (A. Agresti & B. Coull, The American Statistician 52 (1998), 119-126), and the limits move out
to the nearest accuracy that ``m`` examples can show. One example is right or wrong, so its interval
is 0 to 1. For mean absolute errors ``v`` is their variance over examples; these are skewed, which
makes the upper limit of few examples too low. Examples that belong together count for fewer:
``v / m`` is multiplied by how many times the variance of the environments' means is that of
independent examples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.questions.forecasting.grading import forecast_interval
from gengap.statistics.intervals import Interval

FEW_ROWS = 30
FEW_ROWS_NOTE = (
    "Fewer than 30 new examples: much of the interval is the chance of so few, whatever the model."
)
ROUNDING = 1e-9


def new_score(
    forecast: float,
    errors: ArrayLike,
    rows: int,
    noise: float,
    level: float = 0.95,
    variance: float | None = None,
    design: float = 1.0,
) -> Interval:
    """Interval of the score measured on ``rows`` new examples, corrected by the mean error.

    Args:
        forecast: the new forecast, not corrected.
        errors: ``(K,)`` truth minus forecast in environments left out.
        rows: new examples, at least 1.
        noise: mean over these environments of the variance of their measured scores over examples.
        level: the share of new sets of that size inside.
        variance: variance over examples of the absolute error; None for accuracies.
        design: how many times the variance of a mean is that of as many independent examples, where
            examples belong together; the new ones are taken to do so alike.

    Example:
        >>> new_score(0.9, [-0.02, 0.0, 0.02, 0.0, 0.01, -0.01], rows=1, noise=0.001)
        Interval(0.9, 0 to 1, 95%, note='Fewer than 30 new examples: ...')
    """
    if rows < 1:
        raise UsageError(f"rows is {rows}; give at least one new example.")
    most = math.inf if variance is not None else 1.0
    corrected = forecast_interval(forecast, errors, level).estimate
    alone = rows / design
    own = _binomial(corrected, alone) if variance is None else variance
    found = forecast_interval(forecast, errors, level, extra=max(0.0, own / alone - noise))
    low, high = found.low, found.high
    if variance is None:
        low = math.floor(low * rows + ROUNDING) / rows
        high = math.ceil(high * rows - ROUNDING) / rows
    note = f"{found.note} {FEW_ROWS_NOTE}".strip() if rows < FEW_ROWS else found.note
    low, middle, high = np.clip([low, found.estimate, high], 0.0, most).tolist()
    return Interval(middle, low, high, level, note)


def _binomial(accuracy: float, rows: float) -> float:
    q = (rows * min(max(accuracy, 0.0), 1.0) + 2) / (rows + 4)
    return q * (1 - q)
