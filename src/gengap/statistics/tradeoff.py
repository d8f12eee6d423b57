"""More environments, or more examples per environment? A learning curve in both.

    loss(E, n) = offset + a E^-alpha + b n^-beta

with ``E`` training environments of ``n`` examples each. The two terms are what too few environments
and too few examples cost; the larger derivative per unit of cost says where the next money goes.
Another environment costs ``c_E + n c_n`` and another example in each environment ``E c_n``:

    gain of environments = alpha a E^(-alpha-1) / (c_E + n c_n)
    gain of examples     = beta  b n^(-beta-1)  / (E c_n)

*Fit.* For fixed exponents the rest is linear with ``offset, a, b >= 0``: a grid over both
exponents, on each pair all seven sets of nonzero terms in closed form (the best admissible one
solves the constrained problem), then finer grids around the best. Bands
refit noisy values around the curve on the first grid, as in :mod:`gengap.statistics.curves`.

It helps where both numbers were varied over a wide range, crossed. It hurts where they were varied
together: then neither term is known, which the interval of the ratio shows. Near ``a = 0`` or
``b = 0`` the bootstrap is too sure (docs/results.md).

Source: F. Lin et al., Data scaling laws in imitation learning for robotic manipulation,
arXiv:2410.18647 (2024), who find power laws in environments and little in examples per environment
beyond a threshold.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.curves import orientation
from gengap.statistics.intervals import Interval, check_level

EXPONENTS = np.geomspace(0.05, 3.0, 28)
REPLICATES = 400
SUBSETS = [list(s) for k in (1, 2, 3) for s in itertools.combinations(range(3), k)]
PLACES = np.array([0, 1, 3])


@dataclass(frozen=True)
class Advice:
    """Where the next money goes.

    Attributes:
        ratio: gain of environments over gain of examples, per unit of cost; above 1 for the former.
        choice: read off the interval of the ratio alone.
    """

    ratio: Interval
    choice: Literal["more environments", "more examples", "cannot be told"]


@dataclass(frozen=True, repr=False)
class TwoWayCurve:
    """A fitted curve in environments and examples per environment.

    Attributes:
        offset: the loss left with no end of both, as distance from the best value.
        environment_scale: ``a``.
        environment_exponent: ``alpha``.
        example_scale: ``b``.
        example_exponent: ``beta``.
        level: of the intervals.
    """

    offset: float
    environment_scale: float
    environment_exponent: float
    example_scale: float
    example_exponent: float
    level: float
    _sign: float = field(compare=False)
    _origin: float = field(compare=False)
    _replicates: np.ndarray = field(compare=False)

    def predict(self, environments: float, examples: float) -> Interval:
        """The expected value with some environments of some examples each."""
        if not (0 < environments < math.inf and 0 < examples < math.inf):
            raise UsageError(f"Cannot predict at {environments} environments, {examples} examples.")
        values = self._origin + self._sign * _at(self._rows(), environments, examples)
        return _interval(values, self.level)

    def advise(
        self,
        environments: float,
        examples: float,
        environment_cost: float = 0.0,
        example_cost: float = 1.0,
    ) -> Advice:
        """Whether another environment or more examples in each lowers the loss more per cost.

        Args:
            environments: the number now.
            examples: the number per environment now.
            environment_cost: of going to another environment, ``c_E``.
            example_cost: of one example, ``c_n``.

        Raises:
            UsageError: numbers that are not positive.
        """
        if min(environments, examples, example_cost) <= 0 or environment_cost < 0:
            raise UsageError("Numbers and the cost of an example must be positive.")
        _, a, alpha, b, beta = self._rows().T
        by_environment = alpha * a * environments ** (-alpha - 1)
        by_environment /= environment_cost + examples * example_cost
        by_example = beta * b * examples ** (-beta - 1) / (environments * example_cost)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(by_environment + by_example > 0, by_environment / by_example, 1.0)
        found = _interval(ratio, self.level)
        if found.low > 1:
            return Advice(found, "more environments")
        return Advice(found, "more examples" if found.high < 1 else "cannot be told")

    def _rows(self) -> np.ndarray:
        """``(1 + B, 5)`` the curve, then its replicates."""
        own = (
            self.offset, self.environment_scale, self.environment_exponent,
            self.example_scale, self.example_exponent,
        )  # fmt: skip
        return np.vstack([own, self._replicates])

    def __repr__(self) -> str:
        return (
            f"TwoWayCurve({self.offset:.3g} + {self.environment_scale:.3g} "
            f"E^-{self.environment_exponent:.2g} + {self.example_scale:.3g} "
            f"n^-{self.example_exponent:.2g})"
        )


def fit_two_way_curve(
    environments: ArrayLike,
    examples: ArrayLike,
    value: ArrayLike,
    *,
    best: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> TwoWayCurve:
    """Fit values measured with several numbers of environments and of examples in each.

    Args:
        environments: ``(m,)`` training environments.
        examples: ``(m,)`` training examples per environment.
        value: ``(m,)`` losses or scores; combinations may repeat.
        best: the best value there is, finite: 0 for a loss, 1 for accuracy.
        level: of the intervals.
        seed: of the bootstrap.

    Raises:
        UsageError: fewer than three distinct numbers of either, fewer than six combinations, no
            more measurements than unknowns, values beyond the best, numbers that are not finite.
    """
    check_level(level)
    sign, origin = orientation(value, best)
    E, n, y = (np.asarray(x, dtype=np.float64) for x in (environments, examples, value))
    _check(E, n, y, best)
    loss = sign * (y - origin)
    units = float(np.exp(np.log(E).mean())), float(np.exp(np.log(n).mean()))
    design = _designs(E / units[0], n / units[1], EXPONENTS, EXPONENTS)
    fit = _zoom(E / units[0], n / units[1], loss, _fit(design, loss[None]))
    fitted = _at(fit, E / units[0], n / units[1])
    free = len(loss) - 5
    noise = math.sqrt(float(np.sum((loss - fitted) ** 2)) / free)
    draw = generator(seed, "two-way learning curve")
    errors = noise * draw.normal(size=(REPLICATES, len(loss)))
    errors /= np.sqrt(draw.chisquare(free, size=(REPLICATES, 1)) / free)
    rows = np.vstack([fit, _fit(design, fitted + errors)])
    rows[:, 1] *= units[0] ** rows[:, 2]
    rows[:, 3] *= units[1] ** rows[:, 4]
    offset, a, alpha, b, beta = (float(x) for x in rows[0])
    return TwoWayCurve(offset, a, alpha, b, beta, level, sign, origin, rows[1:])


def _check(E: np.ndarray, n: np.ndarray, y: np.ndarray, best: float) -> None:
    if not (E.ndim == 1 and E.shape == n.shape == y.shape):
        raise UsageError(
            f"Columns have shapes {E.shape}, {n.shape} and {y.shape}; give equal ones."
        )
    finite = np.isfinite(E).all() and np.isfinite(n).all() and np.isfinite(y).all()
    if not (finite and math.isfinite(best) and (E > 0).all() and (n > 0).all()):
        raise UsageError("A curve in two numbers needs positive numbers, finite values and best.")
    combinations = len(set(zip(E.tolist(), n.tolist(), strict=True)))
    if min(len(np.unique(E)), len(np.unique(n))) < 3 or combinations < 6 or len(y) < 7:
        raise UsageError(
            "A curve in environments and examples per environment has five unknowns: it needs at "
            "least 3 distinct numbers of each, 6 combinations and 7 measurements; there are "
            f"{len(np.unique(E))}, {len(np.unique(n))}, {combinations} and {len(y)}."
        )


def _zoom(E: np.ndarray, n: np.ndarray, loss: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """The fit ``(1, 5)`` with exponents searched on ever finer grids around the best so far."""
    step = math.log(EXPONENTS[1] / EXPONENTS[0])
    while step > 1e-7:
        grids = [fit[0, k] * np.exp(step * np.linspace(-1.5, 1.5, 7)) for k in (2, 4)]
        grids = [np.clip(grid, EXPONENTS[0], EXPONENTS[-1]) for grid in grids]
        fit = _fit(_designs(E, n, *grids), loss[None])
        step *= 0.6
    return fit


def _designs(
    E: np.ndarray, n: np.ndarray, alphas: np.ndarray, betas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exponent pairs ``(J, 2)`` and their designs ``(J, 3, m)``."""
    pairs = np.array(list(itertools.product(alphas, betas)))
    columns = [np.ones((len(pairs), len(E))), E ** -pairs[:, :1], n ** -pairs[:, 1:]]
    return pairs, np.stack(columns, axis=1)


def _fit(design: tuple[np.ndarray, np.ndarray], loss: np.ndarray) -> np.ndarray:
    """``(B, 5)`` offset, a, alpha, b, beta of the best nonnegative fit to losses ``(B, m)``."""
    pairs, X = design
    cross = np.einsum("bm,jkm->bjk", loss, X)
    gram = X @ X.transpose(0, 2, 1)
    best = np.full(len(loss), np.inf)
    found = np.zeros((len(loss), 5))
    for subset in SUBSETS:
        inverse = np.linalg.pinv(gram[:, subset][:, :, subset], hermitian=True)
        c = cross[:, :, subset]
        beta = np.einsum("jkl,bjl->bjk", inverse, c)
        # Less the sum of squares of the losses, which is the same for all.
        squares = np.where((beta >= 0).all(axis=2), -np.sum(beta * c, axis=2), np.inf)
        j = np.argmin(squares, axis=1)
        rows = np.flatnonzero(squares[np.arange(len(loss)), j] < best)
        best[rows] = squares[rows, j[rows]]
        found[rows] = 0.0
        found[np.ix_(rows, PLACES[subset])] = beta[rows, j[rows]]
        found[rows, 2], found[rows, 4] = pairs[j[rows]].T
    return found


def _at(rows: np.ndarray, E: float | np.ndarray, n: float | np.ndarray) -> np.ndarray:
    offset, a, alpha, b, beta = rows.T
    return offset + a * E**-alpha + b * n**-beta


def _interval(values: np.ndarray, level: float) -> Interval:
    """Around the first value, with percentiles of the others."""
    limits = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2], method="nearest")
    estimate = float(values[0])
    low, high = min(float(limits[0]), estimate), max(float(limits[1]), estimate)
    return Interval(estimate, low, high, level)
