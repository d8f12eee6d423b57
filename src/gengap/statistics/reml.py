"""Restricted maximum likelihood of crossed random effects, from sums over cells.

With ``V = sum_j theta_j Z_j Z_j'`` (the residual's ``Z`` is the identity), ``X`` a column of ones
and ``P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1``, the restricted likelihood and its derivatives are

    -2 log L = log |V| + log |X' V^-1 X| + y' P y,
    d(-2 log L) / d theta_j = tr(P V_j) - y' P V_j P y,       information_jk = tr(P V_j P V_k) / 2.

No matrix of the size of the scores is formed. Call *cell* a combination of levels of all factors
but the example, with indicator ``N``, and ``H = s (I + lambda Z_x Z_x')`` the covariance given the
cells (``s`` residual, ``lambda s`` example). An example with ``m`` scores adds to ``H^-1`` the
block ``(I - lambda / (1 + lambda m) 1 1') / s``, so ``K = N' H^-1 N`` and ``b = N' H^-1 y`` need
only sums over the examples with equal ``m``. With ``Gamma`` the covariance of the cells' effects,

    c = K^-1 b are the cells' estimates,   M = K^-1 + Gamma is their covariance,
    log |V| = log |H| + log |K| + log |M|,   N' P N = Pc = M^-1 - M^-1 1 1' M^-1 / (1' M^-1 1),
    y' P y = y' H^-1 y - b' c + c' Pc c,     P = H^-1 - H^-1 N (K^-1 - K^-1 Pc K^-1) N' H^-1.

The residual's derivatives follow from ``sum_j theta_j V_j = V``. The maximum is found by Fisher's
scoring, with variances kept at 0 while the likelihood falls away from there. ``M`` is a block per
environment plus a term of the rank of seeds and splits, which Woodbury's identity inverts, so that
a step costs about the square of the number of cells.

Source: H. D. Patterson & R. Thompson, Recovery of inter-block information when block sizes are
unequal, Biometrika 58 (1971), 545-554.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import optimize

from gengap.base.errors import UsageError
from gengap.statistics.cell_sums import Sums

SMALLEST_RESIDUAL = 1e-6
"""Least residual variance, as a share of the variance of the scores."""


class Point(NamedTuple):
    """The likelihood at one set of variances ``theta``."""

    theta: np.ndarray
    deviance: float
    gradient: np.ndarray
    information: np.ndarray


def evaluate(sums: Sums, theta: np.ndarray) -> Point:
    """Deviance, gradient and expected information at ``theta`` ``(parts,)``, residual last."""
    s, n = float(theta[-1]), sums.n
    ratio = float(theta[-2]) / s if sums.by_count else 0.0
    K, b, inner = np.diag(sums.counts), sums.totals.copy(), sums.squares
    log_H = n * math.log(s)
    # Integrate the examples' effects out: with m scores an example's block of H^-1 depends on m.
    for x in sums.by_count:
        weight = ratio / (1 + ratio * x.m)
        K -= weight * x.shared
        b -= weight * x.totals
        inner -= weight * x.squares
        log_H += x.number * math.log1p(ratio * x.m)
    log_K, K_inverse = _inverse(K / s, sums.blocks)
    cells = K_inverse @ b / s
    log_M, M_inverse = _cell_precision(sums, theta, K_inverse)
    ones = M_inverse.sum(axis=1)
    if not ones.sum() > 0:
        raise np.linalg.LinAlgError("rounding errors left the covariance of cells indefinite")
    # The mean is estimated as well, so its direction is projected out.
    P = M_inverse - np.outer(ones, ones) / ones.sum()
    r = P @ cells
    quadratic = inner / s - b @ cells / s + cells @ r
    deviance = log_H + log_K + log_M + math.log(ones.sum()) + quadratic
    trace, square, information = _factor_derivatives(sums, P, r)
    if sums.by_count:
        _example_derivatives(sums, s, ratio, K_inverse, P, cells, r, trace, square, information)
    _residual_derivatives(theta, n, quadratic, trace, square, information)
    return Point(theta, float(deviance), trace - square, information)


def maximise(sums: Sums, start: np.ndarray, held: int | None = None) -> Point:
    """The variances of greatest restricted likelihood, with variance ``held`` kept at its start.

    Raises:
        UsageError: no convergence in 200 steps, which tables this side of absurd do not show.
    """
    lowest = np.zeros(sums.parts)
    lowest[-1] = SMALLEST_RESIDUAL
    no_maximum = UsageError(
        "The likelihood of these scores has no clear maximum; score more environments under more "
        "seeds, or leave out a column."
    )
    try:
        point = evaluate(sums, np.maximum(start, lowest))
    except np.linalg.LinAlgError:
        raise no_maximum from None
    for _ in range(200):
        free = (point.theta > lowest) | (point.gradient < 0)
        if held is not None:
            free[held] = False
        better = _step(sums, point, free, lowest) if free.any() else None
        if better is None:
            return point
        gained, point = point.deviance - better.deviance, better
        if gained < (1e-9 if held is None else 1e-6):
            return point
    raise no_maximum


def profile_limits(sums: Sums, best: Point, part: int, threshold: float) -> tuple[float, float]:
    """Where the profile of a variance lies ``threshold`` above the least deviance.

    The lower limit is 0 where the deviance at 0 is no higher than that, and the upper infinite
    where the likelihood never falls so far.
    """
    # In standard deviations and roots of the rise the profile is nearly a straight line on either
    # side of the estimate, which root finding needs few steps for.
    reach = math.sqrt(threshold)
    estimate = math.sqrt(best.theta[part])

    def rise() -> Callable[[float], float]:
        warm = best.theta

        @functools.cache  # a root is bracketed once and for all, whatever the warm start
        def value(root: float) -> float:
            nonlocal warm
            start = warm.copy()
            start[part] = root**2
            point = maximise(sums, start, held=part)
            warm = point.theta
            return math.sqrt(max(point.deviance - best.deviance, 0.0)) - reach

        return value

    below, above = rise(), rise()
    low = 0.0
    if part == sums.parts - 1:
        # The deviance has no value at a residual of 0: come near from above.
        outside = estimate / 2
        while below(outside) < 0 and outside**2 > SMALLEST_RESIDUAL:
            outside /= 2
        if outside**2 > SMALLEST_RESIDUAL:
            low = optimize.brentq(below, outside, 2 * outside, xtol=1e-7, rtol=1e-4)
    elif estimate > 0 and below(0.0) > 0:
        low = optimize.brentq(below, 0.0, estimate, xtol=1e-5, rtol=1e-4)
    # Upwards no bound is known: begin two standard errors above and double.
    step = 1 / math.sqrt(best.information[part, part]) or 1.0
    inside, outside = estimate, math.sqrt(best.theta[part] + 2 * step)
    while above(outside) < 0:
        inside, outside = outside, 2 * outside
        if outside > 1e4:
            return low**2, math.inf
    high = optimize.brentq(above, inside, outside, xtol=1e-5, rtol=1e-4)
    return low**2, high**2


def _factor_derivatives(
    sums: Sums, P: np.ndarray, r: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``tr(P V_j)``, ``y' P V_j P y`` and the information of the factors but the example."""
    trace, square = np.zeros(sums.parts), np.zeros(sums.parts)
    information = np.zeros((sums.parts, sums.parts))
    for j, effect in enumerate(sums.effects):
        left = effect.T @ P
        trace[j] = np.sum(left * effect.T)
        square[j] = np.sum((effect.T @ r) ** 2)
        for k, other in enumerate(sums.effects[: j + 1]):
            information[j, k] = information[k, j] = np.sum((left @ other) ** 2) / 2
    return trace, square, information


def _example_derivatives(
    sums: Sums,
    s: float,
    ratio: float,
    K_inverse: np.ndarray,
    P: np.ndarray,
    cells: np.ndarray,
    r: np.ndarray,
    trace: np.ndarray,
    square: np.ndarray,
    information: np.ndarray,
) -> None:
    """Fill in the entries of the example, the last but one."""
    # W is what P leaves of K^-1 seen from the cells; an example meets it only through the cells it
    # was scored in, so sums over examples with equal m stand for all of them.
    through = _block_product(sums, K_inverse, P).T
    W = K_inverse - _block_product(sums, K_inverse, through)
    fitted = cells - K_inverse @ r
    second, third = np.zeros_like(P), np.zeros_like(P)
    own = own_squared = 0.0
    for x in sums.by_count:
        q = 1 / (s * (1 + ratio * x.m))
        second += q**2 * x.shared
        third += x.m * q**3 * x.shared
        own += x.number * x.m * q
        own_squared += x.number * (x.m * q) ** 2
        square[-2] += q**2 * (x.squares - 2 * x.totals @ fitted + fitted @ x.shared @ fitted)
    trace[-2] = own - np.sum(W * second)
    product = _block_product(sums, second, W)
    spread = own_squared - 2 * np.sum(W * third) + np.sum(product * product.T)
    information[-2, -2] = spread / 2
    for j, effect in enumerate(sums.effects):
        own_level = through.T @ effect
        cross = np.sum(own_level * _block_product(sums, second, own_level)) / 2
        information[j, -2] = information[-2, j] = cross


def _residual_derivatives(
    theta: np.ndarray,
    n: int,
    quadratic: float,
    trace: np.ndarray,
    square: np.ndarray,
    information: np.ndarray,
) -> None:
    """Fill in the last entries, from ``sum_j theta_j V_j = V``."""
    others, s = theta[:-1], theta[-1]
    trace[-1] = (n - 1 - others @ trace[:-1]) / s
    square[-1] = (quadratic - others @ square[:-1]) / s
    cross = (trace[:-1] / 2 - information[:-1, :-1] @ others) / s
    information[-1, :-1] = information[:-1, -1] = cross
    information[-1, -1] = (trace[-1] / 2 - others @ cross) / s


def _step(sums: Sums, point: Point, free: np.ndarray, lowest: np.ndarray) -> Point | None:
    """One step of scoring, halved until the deviance falls; None where it does not."""
    step = np.zeros(sums.parts)
    square = point.information[np.ix_(free, free)]
    step[free] = np.linalg.lstsq(square, -point.gradient[free] / 2, rcond=None)[0]
    for _ in range(30):
        with contextlib.suppress(np.linalg.LinAlgError):  # too near a singular covariance
            trial = evaluate(sums, np.maximum(point.theta + step, lowest))
            if trial.deviance < point.deviance:
                return trial
        step /= 2
    return None


def _cell_precision(
    sums: Sums, theta: np.ndarray, K_inverse: np.ndarray
) -> tuple[float, np.ndarray]:
    """``log |M|`` and the inverse of ``M``, by Woodbury's identity."""
    D = K_inverse.copy()
    for j, same in sums.nested.items():
        D += theta[j] * same
    log_D, inverse = _inverse(D, sums.blocks)
    crossing = [
        math.sqrt(theta[j]) * effect
        for j, effect in enumerate(sums.effects)
        if j not in sums.nested
    ]
    if not crossing:
        return log_D, inverse
    U = np.hstack(crossing)
    scaled = _block_product(sums, inverse, U)
    capacity = np.eye(U.shape[1]) + U.T @ scaled
    log_capacity, capacity_inverse = _inverse(capacity, [slice(None)])
    return log_D + log_capacity, inverse - scaled @ capacity_inverse @ scaled.T


def _block_product(sums: Sums, blocks: np.ndarray, dense: np.ndarray) -> np.ndarray:
    """Product of a matrix that is a block per environment with another matrix."""
    return np.concatenate([blocks[at, at] @ dense[at] for at in sums.blocks])


def _inverse(matrix: np.ndarray, blocks: list[slice]) -> tuple[float, np.ndarray]:
    """Log determinant and inverse of a positive definite matrix made of blocks."""
    inverse, log_determinant = np.zeros_like(matrix), 0.0
    for at in blocks:
        factor = np.linalg.cholesky(matrix[at, at])
        half = np.linalg.inv(factor)
        inverse[at, at] = half.T @ half
        log_determinant += 2 * float(np.sum(np.log(np.diag(factor))))
    return log_determinant, inverse
