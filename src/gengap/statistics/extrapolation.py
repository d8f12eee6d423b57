"""How far a learning curve can be trusted: graded on held-back sizes, and when to stop measuring.

*Graded.* The curve is fitted without the largest sizes and predicts them; error and coverage of the
predictions are what an extrapolation of the same length is worth. Averages over environments can be
predicted better than single ones, so grade what will be predicted.

*Prediction level.* The curve is fitted to the first 4, 5, 6, ... sizes, each time predicting one
target size. The prediction level is the first size from which on all predictions lie within a
threshold of each other: from there on, further sizes did not change the answer by more. It is a
fact about the sizes measured, no promise for those that were not, and one prediction alone cannot
show that it is stable.

Sources: D. Owen, How predictable is language model benchmark performance?, arXiv:2401.04757 (2024);
M. Vilares Ferro, V. M. Darriba Bilbao & F. J. Ribadas Pena, Modeling of learning curves with
applications to POS tagging, Computer Speech & Language 41 (2017), 1-28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.curves import fit_curve
from gengap.statistics.intervals import Interval
from gengap.statistics.power_law import FEWEST_SIZES


@dataclass(frozen=True)
class Grade:
    """How a curve fitted to the smaller sizes predicted the larger ones.

    Attributes:
        sizes: ``(h,)`` held back.
        observed: ``(h,)`` mean measurement of each.
        predicted: its prediction, an interval for the mean of as many measurements.
        mean_error: mean absolute error.
        covered: share of the held-back means inside their intervals.
    """

    sizes: np.ndarray
    observed: np.ndarray
    predicted: tuple[Interval, ...]
    mean_error: float
    covered: float


@dataclass(frozen=True)
class PredictionLevel:
    """From which size on the extrapolation no longer changed.

    Attributes:
        size: the prediction level; None when the predictions do not settle.
        sizes: ``(p,)`` largest size that each prediction used.
        predictions: ``(p,)`` of the target size.
        threshold: how far predictions may lie apart.
    """

    size: float | None
    sizes: np.ndarray
    predictions: np.ndarray
    threshold: float


def grade(
    n: ArrayLike,
    value: ArrayLike,
    held_back: int = 1,
    *,
    best: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> Grade:
    """Predict the largest sizes from the others.

    Args:
        n: ``(m,)`` sizes.
        value: ``(m,)`` losses or scores.
        held_back: how many distinct sizes to hold back.
        best: as in :func:`gengap.statistics.curves.fit_curve`, and so are the rest.

    Raises:
        UsageError: fewer than four sizes left to fit, and as ``fit_curve``.
    """
    sizes, values, distinct = _columns(n, value)
    if held_back < 1 or len(distinct) - held_back < FEWEST_SIZES:
        raise UsageError(
            f"Cannot hold back {held_back} of {len(distinct)} sizes; hold back at least 1 and "
            f"leave at least {FEWEST_SIZES} to fit."
        )
    kept = sizes < distinct[-held_back]
    curve = fit_curve(sizes[kept], values[kept], best=best, level=level, seed=seed)
    held = distinct[-held_back:]
    measured = [values[sizes == size] for size in held]
    observed = np.array([each.mean() for each in measured])
    predicted = tuple(
        curve.predict(float(size), len(each)) for size, each in zip(held, measured, strict=True)
    )
    errors = [abs(p.estimate - o) for p, o in zip(predicted, observed, strict=True)]
    inside = [not p.excludes(float(o)) for p, o in zip(predicted, observed, strict=True)]
    return Grade(held, observed, predicted, float(np.mean(errors)), float(np.mean(inside)))


def prediction_level(
    n: ArrayLike, value: ArrayLike, threshold: float, at: float | None = None, *, best: float = 0.0
) -> PredictionLevel:
    """The size from which on predictions of size ``at`` stay within ``threshold`` of each other.

    Args:
        n: ``(m,)`` sizes.
        value: ``(m,)`` losses or scores.
        threshold: in the unit of the values.
        at: the size to predict; None for the largest measured.
        best: as in :func:`gengap.statistics.curves.fit_curve`.

    Raises:
        UsageError: a threshold that is not positive, fewer than five sizes, and as ``fit_curve``.
    """
    sizes, values, distinct = _columns(n, value)
    if not 0 < threshold < math.inf:
        raise UsageError(f"threshold is {threshold}; give the change that no longer matters.")
    if len(distinct) <= FEWEST_SIZES:
        raise UsageError(
            f"Whether predictions settle shows from {FEWEST_SIZES + 1} sizes on; "
            f"there are {len(distinct)}."
        )
    target = float(distinct[-1] if at is None else at)
    ends = distinct[FEWEST_SIZES - 1 :]
    found = np.array(
        [
            fit_curve(sizes[sizes <= end], values[sizes <= end], best=best).predict(target).estimate
            for end in ends
        ]
    )
    later = found[::-1]
    apart = (np.maximum.accumulate(later) - np.minimum.accumulate(later))[::-1]
    settled = np.flatnonzero(apart[:-1] <= threshold)
    size = float(ends[settled[0]]) if len(settled) else None
    return PredictionLevel(size, ends, found, threshold)


def _columns(n: ArrayLike, value: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes, values = np.asarray(n, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if sizes.ndim != 1 or sizes.shape != values.shape:
        raise UsageError(f"n has shape {sizes.shape} but the values have {values.shape}.")
    return sizes, values, np.unique(sizes)
