"""Learning curves: how a score or loss changes with the number of examples or environments.

Measured losses often follow ``loss(n) = offset + scale * n^-exponent``, with ``n`` the training
examples, the training environments or the compute. For a score the same holds of what is missing
to the best possible value.

*Bands.* New means are drawn around the fitted curve (:mod:`gengap.statistics.power_law`) with the
noise found, and refitted. The noise of each draw is divided by ``sqrt(chi^2_f / f)``, so that few
degrees of freedom ``f`` widen the band as Student's t does. Where the points rule out neither a
curve without offset nor a flat one, the same is done around those, and the band is the envelope:
near the boundary ``offset = 0`` a bootstrap around the fit alone covers 83 to 89%. Where repeated
measurements show that the points do not follow the curve, its misfit is the noise and the note
says so.

*Does it level off?* Three answers are possible: the offset is above 0 (F-test of the curve without
it); it is at most a fifth of what is left at the largest size; or these
points cannot tell. A curve that does not change at all is told apart first.

It helps where sizes span a decade or more. It hurts where the curve has a bend that the sizes do
not show: no band holds what has not begun yet. See how it predicts the largest sizes when fitted
without them before trusting it.

Sources: J. Hestness et al., Deep learning scaling is predictable, empirically, arXiv:1712.00409
(2017); D. Owen, How predictable is language model benchmark performance?, arXiv:2401.04757 (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.power_law import (
    EXPONENTS,
    Fits,
    Noise,
    Points,
    best_of_grid,
    grouped,
    inverse_variances,
    misfit,
    noise_of,
    refined,
    without_offset,
)

REPLICATES = 1000
NEGLIGIBLE = 0.2
"""An offset of at most this share of what is left at the largest size is no levelling off yet."""
MISFIT = (
    "The points do not follow a power law with an offset: they miss it by more than repeated "
    "measurements differ; the band is widened by the misfit, but extrapolations rest on the form."
)
STEEPEST = "The curve is at its limit after the first sizes, so the exponent is a lower bound."
SHALLOWEST = "The curve falls like log(n) or slower, so the limit is an extrapolation without end."

Saturation = Literal["levels off", "keeps improving", "flat", "cannot be told apart"]


@dataclass(frozen=True, repr=False)
class Curve:
    """A fitted learning curve, in the unit of the measurements.

    Attributes:
        exponent: how fast it improves; the loss halves when ``n`` grows by ``2^(1/exponent)``.
        limit: the value approached as ``n`` grows without end: a loss's offset, a score's ceiling.
        scale: factor of ``n^-exponent``, not negative.
        saturates: whether it levels off short of the best possible value.
        sizes: ``(G,)`` distinct sizes measured, ascending.
        note: what a reader must know, or empty.
    """

    exponent: Interval
    limit: Interval
    scale: float
    saturates: Saturation
    sizes: np.ndarray
    note: str
    _sign: float = field(compare=False)
    _origin: float = field(compare=False)
    _noise: Noise = field(compare=False)
    _replicates: list[Fits] = field(compare=False)

    def predict(self, n: float, repeats: int | None = None) -> Interval:
        """The expected value at size ``n``, or with ``repeats`` the mean of that many measurements.

        Raises:
            UsageError: a size or number of repeats that is not positive.
        """
        if not 0 < n < math.inf or (repeats is not None and repeats < 1):
            raise UsageError(f"Cannot predict {repeats or 1} measurement(s) at size {n}.")
        new = np.zeros(REPLICATES)
        if repeats is not None:
            draw = generator(int(repeats), "new measurements")
            new = draw.normal(size=REPLICATES) * self._noise.standard_error(n, repeats)
        drawn = [self._origin + self._sign * (each.at(n) + new) for each in self._replicates]
        centre = self.limit.estimate + self._sign * self.scale * n**-self.exponent.estimate
        return _envelope(centre, drawn, self.exponent.level, self.note)

    def __repr__(self) -> str:
        return (
            f"Curve(limit {self.limit.estimate:.4g}, scale {self.scale:.4g}, exponent "
            f"{self.exponent.estimate:.3g} ({self.exponent.low:.3g} to {self.exponent.high:.3g}), "
            f"{self.saturates})"
        )


def fit_curve(
    n: ArrayLike, value: ArrayLike, *, best: float = 0.0, level: float = 0.95, seed: int = 0
) -> Curve:
    """Fit a power law with an offset to measurements at at least four distinct sizes.

    Args:
        n: ``(m,)`` sizes, positive; several measurements may share one.
        value: ``(m,)`` losses or scores.
        best: the best value there is: 0 for a loss, 1 for accuracy or r2. ``math.inf`` for a score
            and ``-math.inf`` for a loss without one; the limit is then free, and whether the curve
            levels off cannot be told.
        level: of all intervals.
        seed: of the bootstrap.

    Raises:
        UsageError: fewer than four sizes, numbers that are not finite, values beyond the best.

    Example:
        >>> curve = fit_curve([10, 100, 1000, 10000], [0.6, 0.24, 0.132, 0.0996])
        >>> round(curve.limit.estimate, 3), round(curve.exponent.estimate, 2)
        (0.086, 0.52)
    """
    check_level(level)
    # Everything is fitted as a loss above the best value; sign and origin turn it back.
    sign, origin = orientation(value, best)
    points = grouped(n, sign * (np.asarray(value, dtype=np.float64) - origin))
    bounded = math.isfinite(best)
    weights, slope = inverse_variances(points)
    fit = refined(points, weights, bounded)
    noise, off = noise_of(points, weights, slope, fit)
    flat, pure = _not_ruled_out(points, weights, bounded, fit, noise, level)
    # The band covers what the points do not rule out, a flat curve and one without offset included.
    curves = [curve for curve in (fit, pure, flat) if curve is not None]
    replicates = _bootstrap(points, weights, bounded, curves, noise, seed)
    limits = [origin + sign * each.offset for each in replicates]
    limit = _envelope(origin + sign * float(fit.offset[0]), limits, level)
    exponents = [each.exponent for each in replicates]
    exponent = _envelope(float(fit.exponent[0]), exponents, level)
    saturates = _saturation(points, bounded, flat, pure, replicates)
    remarks = {
        MISFIT: off,
        STEEPEST: exponent.estimate > 0.99 * EXPONENTS[-1],
        SHALLOWEST: exponent.estimate < 1.01 * EXPONENTS[0],
    }
    note = " ".join(remark for remark, applies in remarks.items() if applies)
    raw_scale = float(fit.scale[0] * fit.unit ** fit.exponent[0])
    return Curve(
        exponent, limit, raw_scale, saturates, points.size, note, sign, origin, noise, replicates
    )


def orientation(value: ArrayLike, best: float) -> tuple[float, float]:
    """``(sign, origin)`` so that ``sign * (value - origin)`` is a loss, at least 0 if bounded."""
    values = np.asarray(value, dtype=np.float64)
    if math.isnan(best):
        raise UsageError("best is not a number; give the best value there is, 0 for a loss.")
    if math.isinf(best):
        return -math.copysign(1.0, best), 0.0
    if np.any(values > best) and np.any(values < best):
        raise UsageError(
            f"Values lie on both sides of best={best:g}; give the best value there is, 0 for a "
            "loss and 1 for accuracy, or math.inf for a score without a best value."
        )
    return (-1.0 if np.any(values < best) else 1.0), float(best)


def _bootstrap(
    points: Points, weights: np.ndarray, bounded: bool, fits: list[Fits], noise: Noise, seed: int
) -> list[Fits]:
    """Refits of noisy means around each of the curves, with the same noise for all."""
    draw = generator(seed, "learning curve")
    errors = np.sqrt(noise.scale / weights) * draw.normal(size=(REPLICATES, len(weights)))
    errors /= np.sqrt(draw.chisquare(noise.degrees, size=(REPLICATES, 1)) / noise.degrees)
    return [
        best_of_grid(points.size, fit.at(points.size) + errors, weights, bounded, EXPONENTS)
        for fit in fits
    ]


def _not_ruled_out(
    points: Points, weights: np.ndarray, bounded: bool, fit: Fits, noise: Noise, level: float
) -> tuple[Fits | None, Fits | None]:
    """The curve that is flat and the one without offset, each None where the points exclude it."""
    missed = misfit(points, weights, fit)
    spread = max(noise.scale, 1e-20 * float(weights @ points.mean**2))
    mean = np.array([np.average(points.mean, weights=weights)])
    flat = Fits(mean, 0 * mean, 1 + 0 * mean, fit.unit)
    statistic = max(misfit(points, weights, flat) - missed, 0.0) / spread
    is_flat = special.fdtrc(2, noise.degrees, statistic / 2) > 1 - level
    pure = without_offset(points, weights)
    statistic = max(misfit(points, weights, pure) - missed, 0.0) / spread
    is_pure = bounded and special.fdtrc(1, noise.degrees, statistic) > 1 - level
    return flat if is_flat else None, pure if is_pure else None


def _saturation(
    points: Points, bounded: bool, flat: Fits | None, pure: Fits | None, drawn: list[Fits]
) -> Saturation:
    if flat is not None:
        return "flat"
    if bounded and pure is None:
        return "levels off"
    share = drawn[0].offset / np.maximum(drawn[0].at(points.size[-1]), 1e-300)
    if bounded and float(np.quantile(share, 0.95)) <= NEGLIGIBLE:
        return "keeps improving"
    return "cannot be told apart"


def _envelope(estimate: float, drawn: list[np.ndarray], level: float, note: str = "") -> Interval:
    """The widest of the percentile intervals of several sets of draws."""
    limits = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    low, high = min(limits[0].min(), estimate), max(limits[1].max(), estimate)
    return Interval(estimate, float(low), float(high), level, note)
