"""The least-squares power law with an offset behind :mod:`gengap.statistics.curves`.

For a fixed exponent the rest is linear, so the exponent is the only search: a grid, each point a
two-column least squares with ``offset >= 0`` and ``scale >= 0`` in closed form, then a refinement
between the neighbours of the best (variable projection, G. H. Golub & V. Pereyra, SIAM Journal on
Numerical Analysis 10 (1973), 413-432). No start values, no failures to converge, and any number of
curves measured at the same sizes is one batched product. Losses here are smaller-is-better.

*Weights.* Where sizes were measured repeatedly, the variance is taken to follow a power of ``n``,
read off the variances within sizes where that is clear; else it is taken to be the same everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from gengap.base.errors import UsageError

FEWEST_SIZES = 4
EXPONENTS = np.geomspace(0.02, 5.0, 320)


class Fits(NamedTuple):
    """``B`` curves ``offset + scale * (n / unit)^-exponent``, each field ``(B,)``."""

    offset: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray
    unit: float

    def at(self, n: float | np.ndarray) -> np.ndarray:
        """``(B,)`` values at size ``n``, or those of a single curve at sizes ``(G,)``."""
        return self.offset + self.scale * (n / self.unit) ** -self.exponent


class Points(NamedTuple):
    """Means by size, oriented so that smaller is better; each ``(G,)``, sizes ascending."""

    size: np.ndarray
    mean: np.ndarray
    repeats: np.ndarray
    squares: np.ndarray


class Noise(NamedTuple):
    """Variance ``scale * (n / unit)^slope`` of a single measurement, with degrees of freedom."""

    scale: float
    slope: float
    unit: float
    degrees: float

    def standard_error(self, n: float, repeats: float) -> float:
        """Of the mean of some measurements at size ``n``, larger by Student's t to the normal."""
        widening = 1.0 if self.degrees <= 2 else math.sqrt(self.degrees / (self.degrees - 2))
        return widening * math.sqrt(self.scale * (n / self.unit) ** self.slope / repeats)


def grouped(n: ArrayLike, loss: np.ndarray) -> Points:
    """Means and sums of squares by distinct size, after checking them."""
    sizes = np.asarray(n, dtype=np.float64)
    if sizes.ndim != 1 or sizes.shape != loss.shape:
        raise UsageError(f"n has shape {sizes.shape} but the values have {loss.shape}.")
    if not (np.isfinite(sizes).all() and np.isfinite(loss).all() and np.all(sizes > 0)):
        raise UsageError(
            "A learning curve needs positive sizes and finite values; leave others out."
        )
    distinct, place, repeats = np.unique(sizes, return_inverse=True, return_counts=True)
    if len(distinct) < FEWEST_SIZES:
        raise UsageError(
            f"A learning curve has three unknowns, so it needs at least {FEWEST_SIZES} distinct "
            f"sizes; there are {len(distinct)}."
        )
    mean = np.bincount(place, loss) / repeats
    squares = np.bincount(place, (loss - mean[place]) ** 2)
    return Points(distinct, mean, repeats.astype(np.float64), squares)


def inverse_variances(points: Points) -> tuple[np.ndarray, float]:
    """Inverse relative variances of the means ``(G,)``, and the variance's power of ``n``."""
    degrees = points.repeats - 1
    log_size = np.log(points.size) - np.log(points.size).mean()
    known = (degrees > 0) & (points.squares > 0)
    slope = 0.0
    if known.sum() >= 3 and degrees.sum() >= 2 * len(degrees):
        log_variance = np.log(points.squares[known] / degrees[known])
        # The mean of log(chi^2_f / f) depends on f; its variance does too.
        log_variance -= special.digamma(degrees[known] / 2) - np.log(degrees[known] / 2)
        trust = 1 / special.polygamma(1, degrees[known] / 2)
        centred = log_size[known] - np.average(log_size[known], weights=trust)
        fitted = float(np.sum(trust * centred * log_variance) / np.sum(trust * centred**2))
        # Weights read off noise cost more than equal ones: keep only a slope beyond its error.
        slope = fitted if fitted**2 * np.sum(trust * centred**2) > 4 else 0.0
    return points.repeats / np.exp(slope * log_size), slope


def _solve(
    size: np.ndarray, loss: np.ndarray, weights: np.ndarray, bounded: bool, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offset, scale and weighted squares ``(B, J)``: losses ``(B, G)``, ``J`` exponents."""
    w = weights / weights.sum()
    x = (size / _unit(size)) ** -grid[:, None]
    x_mean, y_mean = x @ w, (loss @ w)[:, None]
    x_centred, y_centred = x - x_mean[:, None], loss - y_mean
    xx, xy = x_centred**2 @ w, (y_centred * w) @ x_centred.T
    scale = np.maximum(xy / xx, 0.0)
    offset = y_mean - scale * x_mean
    if bounded:
        # Where the best offset is negative the constrained best lies on the edge, at 0.
        through = np.maximum((loss * w) @ x.T / (x**2 @ w), 0.0)
        scale, offset = np.where(offset < 0, through, scale), np.maximum(offset, 0.0)
    squares = (y_centred**2 @ w)[:, None] + (y_mean - offset - scale * x_mean) ** 2
    squares += scale * (scale * xx - 2 * xy)
    return offset, scale, squares * weights.sum()


def best_of_grid(
    size: np.ndarray, loss: np.ndarray, weights: np.ndarray, bounded: bool, grid: np.ndarray
) -> Fits:
    """The best exponent of a grid for each row of ``loss`` ``(B, G)``.

    Args:
        size: ``(G,)`` sizes.
        loss: ``(B, G)`` losses at these sizes.
        weights: ``(G,)`` inverse variances up to a factor.
        bounded: whether the offset must be at least 0.
        grid: ``(J,)`` exponents.
    """
    offset, scale, squares = _solve(size, loss, weights, bounded, grid)
    rows, columns = np.arange(len(loss)), np.argmin(squares, axis=1)
    return Fits(offset[rows, columns], scale[rows, columns], grid[columns], _unit(size))


def refined(points: Points, weights: np.ndarray, bounded: bool) -> Fits:
    """The least-squares curve, its exponent searched between the grid's neighbours."""
    loss = points.mean[None]

    def at(log_exponent: float) -> Fits:
        return best_of_grid(points.size, loss, weights, bounded, np.array([math.exp(log_exponent)]))

    # The misfit may have several minima in the exponent, so the whole grid is looked at first.
    coarse = best_of_grid(points.size, loss, weights, bounded, EXPONENTS)
    centre, step = math.log(float(coarse.exponent[0])), math.log(EXPONENTS[1] / EXPONENTS[0])
    lowest, highest = math.log(EXPONENTS[0]), math.log(EXPONENTS[-1])
    found = optimize.minimize_scalar(
        lambda a: misfit(points, weights, at(a)),
        bounds=(max(centre - step, lowest), min(centre + step, highest)),
        method="bounded",
        options={"xatol": 1e-11},
    )
    fine = at(float(found.x))
    return min(fine, coarse, key=lambda fit: misfit(points, weights, fit))


def without_offset(points: Points, weights: np.ndarray) -> Fits:
    """The best curve ``scale * n^-exponent``, its exponent on ever finer grids."""
    grid, unit = EXPONENTS, _unit(points.size)
    while True:
        x = (points.size / unit) ** -grid[:, None]
        scale = np.maximum((x * weights) @ points.mean / (x**2 @ weights), 0.0)
        best = int(np.argmin(((points.mean - scale[:, None] * x) ** 2) @ weights))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        if high - low < 1e-10:
            return Fits(np.zeros(1), scale[[best]], grid[[best]], unit)
        grid = np.linspace(low, high, 41)


def misfit(points: Points, weights: np.ndarray, fit: Fits) -> float:
    """Weighted sum of squares from the residuals, exact where the curve fits exactly."""
    return float(weights @ (points.mean - fit.at(points.size)) ** 2)


def noise_of(points: Points, weights: np.ndarray, slope: float, fit: Fits) -> tuple[Noise, bool]:
    """The variance of a measurement, and whether repeats contradict the curve.

    Args:
        points: means by size.
        weights: ``(G,)`` inverse variances of these means up to a factor.
        slope: power of ``n`` that the variance of one measurement follows.
        fit: the curve.
    """
    unit = _unit(points.size)
    free = len(points.size) - 3.0
    missed = misfit(points, weights, fit)
    within = float(np.sum(points.squares * weights / points.repeats))
    degrees = float(np.sum(points.repeats - 1))
    if degrees and within > 0:
        ratio = (missed / free) / (within / degrees)
        # Points farther from the curve than their repeats from each other: the curve is wrong, and
        # what it misses counts as noise.
        if special.fdtrc(free, degrees, ratio) < 0.05:
            return Noise(missed / free, slope, unit, free), True
    return Noise((missed + within) / (free + degrees), slope, unit, free + degrees), False


def _unit(size: np.ndarray) -> float:
    return float(np.exp(np.log(size).mean()))
