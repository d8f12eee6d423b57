r"""Loss against the number of environments and of examples at once, to say what to collect next.

    loss(m, N) = offset + a m^-alpha + b N^-beta,        offset, a, b >= 0,

with ``m`` environments and ``N`` examples of all together: what is lost because environments differ
falls with their number, what is lost because there are few examples with theirs. Of a model that
learns the mean of its environments both are exact, with exponents 1.

For given exponents the rest is least squares with three coefficients of at least 0; of these the
best lies where some are 0 and the others are those of least squares without them, so all eight
choices are tried. Exponents are searched on a grid, as sizes seldom span enough to tell more.
New means are drawn with the covariance of environments (:mod:`gengap.statistics.size_effects`) and
refitted; limits are those of the draws.

It helps to choose between directions within or a little beyond what was measured. It cannot know a
bend beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.seeds import generator
from gengap.statistics.intervals import Interval
from gengap.statistics.size_effects import FEWEST_ENVIRONMENTS, Forecast, envelope, mean_errors

FEWEST_POINTS = 4
EXPONENTS = np.geomspace(0.1, 2.0, 10)
KEPT = 400  # draws


@dataclass(frozen=True, eq=False)
class Surface:
    """A fitted surface and refits of draws, the first row being the fit itself.

    Attributes:
        coefficients: ``(1 + B, 3)`` offset, ``a`` and ``b``, of sizes in ``units``.
        exponents: ``(1 + B, 2)``.
        units: the sizes at which each term is its coefficient.
        level: of all intervals.
    """

    coefficients: np.ndarray
    exponents: np.ndarray
    units: tuple[float, float]
    level: float

    def drawn(self, environments: float, examples: float) -> np.ndarray:
        """The loss ``(1 + B,)`` at a size."""
        sizes = np.array([environments / self.units[0], examples / self.units[1]])
        terms = sizes**-self.exponents
        return np.asarray(self.coefficients[:, 0] + (self.coefficients[:, 1:] * terms).sum(axis=1))

    def expected(self, environments: float, examples: float) -> Interval:
        """The loss at a size."""
        return self._limits(self.drawn(environments, examples))

    def gain(self, now: tuple[float, float], then: tuple[float, float]) -> Interval:
        """By how much the loss falls from one size ``(environments, examples)`` to another."""
        return self._limits(self.drawn(*now) - self.drawn(*then))

    def _limits(self, values: np.ndarray) -> Interval:
        return envelope(float(values[0]), [values[1:]], self.level)


def fit_surface(
    environments: ArrayLike,
    examples: ArrayLike,
    losses: ArrayLike,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Surface | None:
    """Fit the surface; None with fewer than four points, or where one size alone was varied.

    Args:
        environments: ``(P,)``.
        examples: ``(P,)`` of all together.
        losses: ``(P, K, S)`` by environment left out and seed, at least 0.
        level: of the intervals.
        seed: of the draws.
    """
    m, total, table = _checked(environments, examples, losses)
    if not _tells_apart(m, total) or table.shape[1] < FEWEST_ENVIRONMENTS:
        return None
    errors = mean_errors(table, m, generator(seed, "surface of sizes"))[:KEPT]
    return _fitted(m, total, table.mean(axis=1), errors, level)


def held_back(
    environments: ArrayLike, examples: ArrayLike, losses: ArrayLike, *, level: float = 0.95,
    seed: int = 0,
) -> Forecast | None:  # fmt: skip
    """What a surface fitted to fewer environments says of the most that were measured.

    Of several points with that many environments the one with most examples. None where too few
    points are left.
    """
    m, total, table = _checked(environments, examples, losses)
    most = m == m.max()
    fewer = ~most
    if not _tells_apart(m[fewer], total[fewer]) or table.shape[1] < FEWEST_ENVIRONMENTS:
        return None
    errors = mean_errors(table, m, generator(seed, "surface of sizes"))[:KEPT]
    means = table.mean(axis=1)
    largest = int(np.flatnonzero(most)[np.argmax(total[most])])
    fit = _fitted(m[fewer], total[fewer], means[fewer], errors[:, fewer], level)
    drawn = fit.drawn(m[largest], total[largest])
    # A draw misses by its own surface and by its own mean at the largest size.
    limits = envelope(float(drawn[0]), [drawn[1:] - errors[:, largest]], level)
    return Forecast(float(m[largest]), float(means[largest]), limits)


def _checked(
    environments: ArrayLike, examples: ArrayLike, losses: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes ``(P,)`` and mean losses ``(P, K)`` of environments that were left out at all sizes."""
    table = np.nanmean(np.asarray(losses, dtype=np.float64), axis=2)
    sizes = (np.asarray(values, dtype=np.float64) for values in (environments, examples))
    return *sizes, table[:, np.isfinite(table).all(axis=0)]


def _tells_apart(m: np.ndarray, total: np.ndarray) -> bool:
    if len(m) < FEWEST_POINTS:
        return False
    logs = np.log(np.stack([m, total], axis=1))
    return bool(np.linalg.matrix_rank(logs - logs.mean(axis=0), tol=0.1) == 2)


def _fitted(
    m: np.ndarray, total: np.ndarray, means: np.ndarray, errors: np.ndarray, level: float
) -> Surface:
    units = float(np.exp(np.log(m).mean())), float(np.exp(np.log(total).mean()))
    weights = 1 / np.sqrt(np.maximum(errors.var(axis=0), 1e-24))
    first = _best(m / units[0], total / units[1], means[None], weights)
    around = _at(first, m / units[0], total / units[1])
    drawn = _best(m / units[0], total / units[1], around + errors, weights)
    coefficients, exponents = (np.concatenate(pair) for pair in zip(first, drawn, strict=True))
    return Surface(coefficients, exponents, units, level)


def _at(fit: tuple[np.ndarray, np.ndarray], m: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Losses ``(P,)`` of a single fit."""
    (offset, a, b), (alpha, beta) = fit[0][0], fit[1][0]
    return np.asarray(offset + a * m**-alpha + b * total**-beta)


def _best(
    m: np.ndarray, total: np.ndarray, losses: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients ``(B, 3)`` and exponents ``(B, 2)`` of the best surface for each row."""
    rows = len(losses)
    least = np.full(rows, np.inf)
    coefficients, exponents = np.zeros((rows, 3)), np.ones((rows, 2))
    target = (losses * weights).T
    for alpha, beta in product(EXPONENTS, EXPONENTS):
        design = np.stack([np.ones_like(m), m**-alpha, total**-beta], axis=1) * weights[:, None]
        for found in _corners(design, target):
            squares = ((design @ found - target) ** 2).sum(axis=0)
            better = (found >= 0).all(axis=0) & (squares < least - 1e-12)
            least[better] = squares[better]
            coefficients[better] = found.T[better]
            exponents[better] = alpha, beta
    return coefficients, exponents


def _corners(design: np.ndarray, target: np.ndarray) -> Iterator[np.ndarray]:
    """Least squares ``(3, B)`` with every choice of coefficients that are 0."""
    for used in product((False, True), repeat=3):
        found = np.zeros((3, target.shape[1]))
        if any(used):
            columns = np.array(used)
            found[columns] = np.linalg.pinv(design[:, columns]) @ target
        yield found
