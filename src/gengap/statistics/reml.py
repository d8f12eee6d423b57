"""Restricted maximum likelihood of crossed random effects, from sums over the scores.

With ``V = sum_j theta_j Z_j Z_j'`` (the residual's ``Z`` is the identity), ``X`` a column of ones
and ``P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1``, the restricted likelihood and its derivatives are

    -2 log L = log |V| + log |X' V^-1 X| + y' P y,
    d(-2 log L) / d theta_j = tr(P V_j) - y' P V_j P y,       information_jk = tr(P V_j P V_k) / 2.

No matrix of the size of the scores is formed. Let ``C`` be ``X`` and the ``Z_j`` of all factors but
the example side by side, and ``H = s (I + lambda Z_x Z_x')`` the covariance given their effects
(``s`` residual, ``lambda s`` example). An example with ``m`` scores adds to ``H^-1`` the block
``(I - lambda / (1 + lambda m) 1 1') / s``, so ``A = C' H^-1 C`` and ``b = C' H^-1 y`` need only
sums over the examples with equal ``m``. With ``G`` the standard deviations of the effects, 1 for
the mean, and ``D`` the identity but for a 0 at the mean, whose variance is infinite,

    log |V| + log |X' V^-1 X| = log |H| + log |B|,    B = D + G A G,    K = G B^-1 G,
    y' P y = y' H^-1 y - b' K b,     C' P y = b - A K b = G^-1 D B^-1 G b,
    P C = H^-1 C (I - K A) = H^-1 C G B^-1 D G^-1,     C' P C = G^-1 D (I - B^-1) D G^-1,

whose last forms keep their digits where the residual is next to nothing.

The residual's derivatives follow from ``sum_j theta_j V_j = V``. The maximum is found by Fisher's
scoring, with variances kept at 0 while the likelihood falls away from there. A step costs about
the cube of the number of levels.

Source: H. D. Patterson & R. Thompson, Recovery of inter-block information when block sizes are
unequal, Biometrika 58 (1971), 545-554.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse

from gengap.base.errors import UsageError
from gengap.statistics.crossed import Design, indicator

SMALLEST_RESIDUAL = 1e-6
"""Least residual variance, as a share of the variance of the scores."""


SMALLEST = 1e-10
"""What a variance of 0 is taken for, to divide by."""


class ExampleSums(NamedTuple):
    """Of ``number`` examples with ``m`` scores each: ``products`` of their own sums of ``W``."""

    m: int
    number: int
    products: np.ndarray


@dataclass(frozen=True)
class Sums:
    """What the likelihood needs of ``n`` scores.

    ``W`` holds a column of ones, one for each level of each factor but the example that marks its
    scores, and the scores themselves: ``(n, q + 2)`` for ``q`` levels.

    Attributes:
        n: number of scores.
        levels: of each factor but the example.
        products: ``(q + 2, q + 2)``, ``W' W``.
        by_count: for each ``m``, of the examples with ``m`` scores; empty without examples.
    """

    n: int
    levels: list[int]
    products: np.ndarray
    by_count: list[ExampleSums]

    @property
    def parts(self) -> int:
        """Number of variances: the factors and the residual."""
        return len(self.levels) + bool(self.by_count) + 1

    def by_factor(self, values: np.ndarray, axis: int = 0) -> np.ndarray:
        """Sums over the levels of each factor; the mean's entry, the first, is left out."""
        return np.add.reduceat(values, np.cumsum([1, *self.levels[:-1]]), axis=axis)


class Point(NamedTuple):
    """The likelihood at one set of variances ``theta``."""

    theta: np.ndarray
    deviance: float
    gradient: np.ndarray
    information: np.ndarray


def table_sums(design: Design, y: np.ndarray) -> Sums:
    """Sums of the scores ``y`` ``(n,)``, which may be the design's scores on another scale."""
    factors = [indicator(code) for name, code in design.codes.items() if name != "example"]
    W = sparse.csr_array(sparse.hstack([np.ones((len(y), 1)), *factors, y[:, None]]))
    examples = []
    if "example" in design.codes:
        example = indicator(design.codes["example"])
        own, scored = sparse.csr_array(example.T @ W), example.sum(axis=0)
        for m in np.unique(scored):
            some = own[np.flatnonzero(scored == m)]
            examples.append(ExampleSums(int(m), some.shape[0], (some.T @ some).toarray()))
    levels = [factor.shape[1] for factor in factors]
    return Sums(len(y), levels, (W.T @ W).toarray(), examples)


def evaluate(sums: Sums, theta: np.ndarray) -> Point:
    """Deviance, gradient and expected information at ``theta`` ``(parts,)``, residual last."""
    s, levels = float(theta[-1]), sums.levels
    ratio = float(theta[-2]) / s if sums.by_count else 0.0
    log_H, A = sums.n * math.log(s), sums.products / s
    # Integrate the examples' effects out: with m scores an example's block of H^-1 depends on m.
    for x in sums.by_count:
        A -= ratio / (s * (1 + ratio * x.m)) * x.products
        log_H += x.number * math.log1p(ratio * x.m)
    b, variances = A[:-1, -1], np.maximum(theta[: len(levels)], SMALLEST)
    G = np.repeat(np.sqrt([1.0, *variances]), [1, *levels])
    D = (np.arange(len(G)) > 0).astype(float)
    factor = np.linalg.cholesky(np.diag(D) + G[:, None] * A[:-1, :-1] * G)
    half = np.linalg.inv(factor)
    inverse = half.T @ half
    K, per = G[:, None] * inverse * G, D / G
    # What y leaves after the mean and all effects, as a combination of the columns of W.
    left = np.append(-K @ b, 1.0)
    quadratic = float(A[-1] @ left)
    deviance = log_H + 2 * float(np.log(np.diag(factor)).sum()) + quadratic
    P, Py = per[:, None] * (np.eye(len(K)) - inverse) * per, per * (inverse @ (G * b))
    through = G[:, None] * inverse * per
    trace, square = np.zeros(sums.parts), np.zeros(sums.parts)
    information = np.zeros((sums.parts, sums.parts))
    if levels:
        own = slice(len(levels))
        trace[own] = sums.by_factor(np.diag(P))
        square[own] = sums.by_factor(Py**2)
        information[own, own] = sums.by_factor(sums.by_factor(P**2), axis=1) / 2
    if sums.by_count:
        _example_derivatives(sums, s, ratio, K, left, through, trace, square, information)
    _residual_derivatives(theta, sums.n, quadratic, trace, square, information)
    return Point(theta, deviance, trace - square, information)


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


def _example_derivatives(
    sums: Sums,
    s: float,
    ratio: float,
    K: np.ndarray,
    left: np.ndarray,
    through: np.ndarray,
    trace: np.ndarray,
    square: np.ndarray,
    information: np.ndarray,
) -> None:
    """Fill in the last entry but one, the example's.

    An example meets the others only through the columns of ``W``, so sums over examples with
    equally many scores stand for all of them.
    """
    second, third = np.zeros_like(sums.products), np.zeros_like(K)
    own = own_squared = 0.0
    for x in sums.by_count:
        q = 1 / (s * (1 + ratio * x.m))
        second += q**2 * x.products
        third += x.m * q**3 * x.products[:-1, :-1]
        own += x.number * x.m * q
        own_squared += x.number * (x.m * q) ** 2
    square[-2] = left @ second @ left
    second = second[:-1, :-1]
    product = K @ second
    trace[-2] = own - np.trace(product)
    spread = own_squared - 2 * np.sum(K * third) + np.sum(product * product.T)
    information[-2, -2] = spread / 2
    if sums.levels:
        cross = sums.by_factor(np.sum(through * (second @ through), axis=0)) / 2
        information[-2, : len(cross)] = information[: len(cross), -2] = cross


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
