"""Scores per environment, drawn towards their mean as far as they are noise.

Let ``y_e`` be the measured score of one of ``E`` environments, with variance ``V_e`` about the true
one, and let true scores scatter normally about ``m`` with variance ``A``. Given ``m`` and ``A`` the
best estimate (BLUP) is ``(1 - B_e) y_e + B_e m`` with ``B_e = V_e / (V_e + A)``. They are estimated
from the same scores: with weights ``W_e = 1 / (V_e + A)``,

    m = sum W_e y_e / sum W_e,
    A = sum W_e (E / (E - 1) (y_e - m)^2 - V_e) / sum W_e, at least 0,

repeated until they agree. As ``1 / (V + A)`` is overestimated by plugging in ``A``, ``B_e`` is
lowered by ``(E - 3) / (E - 1)``, which is James & Stein's factor where all ``V_e`` are equal. The
interval adds to the variance ``V_e (1 - B_e)`` of known ``m`` and ``A`` what estimating both adds,

    V_e (1 - (1 - W_e / sum W) B_e) + 2 / (E - 3) B_e^2 (V + A) / (V_e + A) (y_e - m)^2,

with ``V`` the mean of ``V_e`` weighted by ``W_e``.

Shrinkage lowers the squared error summed over environments; it hurts the one environment that
really is unlike the others, most of all with few seeds. The intervals cover on average over
environments, not for the strangest of them.

Source: C. N. Morris, Parametric empirical Bayes inference: theory and applications, Journal of the
American Statistical Association 78 (1983), 47-65.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, student
from gengap.statistics.two_way import read_table, two_way
from gengap.statistics.variance import Between, add_training

NOT_SHRUNK = "Fewer than 4 environments with scores: the measured mean, not shrunk."
NO_SCORE = "No score in this environment."
_NO_SEEDS = Between(0.0, 0.0, 0.0)


def shrunken_means(
    scores: ArrayLike, *, variances: ArrayLike | None = None, level: float = 0.95
) -> list[Interval]:
    """Estimates of the expected score in each of these environments, better than their means.

    Args:
        scores: ``(E, S)`` scores of one method by environment and seed, NaN where missing; or
            ``(E,)`` means together with ``variances``.
        variances: ``(E,)`` known variances of the means, positive. Without them, measurement noise
            is what environments and seeds do not explain together, the same in all environments;
            limits then also hold what other seeds would do to all environments.
        level: the confidence level, on average over environments.

    Returns:
        An interval per environment, in the given order; a missing environment has NaN and a note.
        With fewer than 4 there is no shrinkage, which the note says.

    Raises:
        UsageError: an unusable table, or one seed and no variances.

    Example:
        >>> shrunken_means([0.0, 2.0, 4.0, 6.0, 8.0], variances=[5.0] * 5)[0]
        Interval(1, -3.383 to 5.383, 95%)
    """
    check_level(level)
    if variances is not None:
        means, noise = _read_means(scores, variances)
        degrees, between, seeds = math.inf, _NO_SEEDS, 1
    else:
        table = read_table(scores)
        fit = two_way(table)
        if fit.degrees == 0:
            raise UsageError(
                "Measurement noise cannot be told from these scores; give at least 2 seeds and 2 "
                "environments, or variances of the means."
            )
        means = np.full(len(table), math.nan)
        noise = means.copy()
        present = ~np.isnan(table).all(axis=1)
        means[present], noise[present] = fit.means, fit.residual * np.diag(fit.covariance)
        degrees, between, seeds = fit.degrees, fit.between, fit.seeds
    estimates, squares, note = _shrink(means, noise)
    return [
        _interval(estimate, square, degrees, between, seeds, level, note)
        for estimate, square in zip(estimates, squares, strict=True)
    ]


def _shrink(means: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Morris' estimates and variances, ``(E,)`` each with NaN where missing, and a note."""
    present = ~np.isnan(means)
    y, V = means[present], noise[present]
    E = len(y)
    if E < 4:
        return means, noise, NOT_SHRUNK
    if not V.any():
        return means, noise, ""
    A = _scatter(y, V)
    W = 1 / (V + A)
    shares = W / W.sum()
    centre = shares @ y
    B = (E - 3) / (E - 1) * V * W
    estimates, squares = means.copy(), noise.copy()
    estimates[present] = y - B * (y - centre)
    uncertain = 2 / (E - 3) * B**2 * (shares @ V + A) * W * (y - centre) ** 2
    squares[present] = V * (1 - (1 - shares) * B) + uncertain
    return estimates, squares, ""


def _scatter(y: np.ndarray, V: np.ndarray) -> float:
    """Variance of true scores, the module's ``A``."""
    E = len(y)
    A = float(y.var(ddof=1))
    for _ in range(1000):
        W = 1 / np.maximum(V + A, 1e-300)
        centre = W @ y / W.sum()
        update = max(float(W @ (E / (E - 1) * (y - centre) ** 2 - V) / W.sum()), 0.0)
        if abs(update - A) <= 1e-10 * (V.mean() + A):
            return update
        A = update
    return A


def _interval(
    estimate: float,
    square: float,
    degrees: float,
    between: Between,
    seeds: int,
    level: float,
    note: str,
) -> Interval:
    if math.isnan(estimate):
        return Interval(math.nan, math.nan, math.nan, level, NO_SCORE)
    variance, freedom = add_training(square, degrees, 1 / seeds, between)
    return student(estimate, variance, freedom, level, note)


def _read_means(scores: ArrayLike, variances: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    means = np.asarray(scores, dtype=np.float64)
    noise = np.asarray(variances, dtype=np.float64)
    if means.ndim != 1 or means.shape != noise.shape:
        raise UsageError(
            f"scores has shape {means.shape} and variances {noise.shape}; give one mean and one "
            "variance per environment."
        )
    present = ~np.isnan(means)
    if np.isinf(means).any() or not present.any():
        raise UsageError("scores must hold finite means, NaN where missing, and at least one.")
    if not (np.isfinite(noise[present]) & (noise[present] > 0)).all():
        raise UsageError("variances must be positive numbers, one for each mean that is present.")
    return means, noise
