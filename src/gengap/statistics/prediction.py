"""What a new environment will cost: a prediction interval for its *true* cost.

Environments are the unit. Let ``s^2`` be the sample variance of the ``K`` measured costs, ``m`` the
mean variance of their measurement, and ``V`` with ``f`` degrees of freedom the variance of their
mean as fixed environments. If true costs scatter with variance ``tau^2``, then

    E s^2 = tau^2 + m,        Var(new true cost - mean) = tau^2 (1 + 1/K) + V.

Student's interval ``t_{K-1} s sqrt(1 + 1/K)`` predicts a new *measured* cost, and is several times
too wide for the true one where measurement noise dominates. Plugging in ``tau^2 = max(s^2 - m, 0)``
with ``t_{K-2}``, as Higgins, Thompson & Spiegelhalter do for meta-analyses (Journal of the Royal
Statistical Society A 172 (2009), 137-159), treats ``tau`` as known: at ``K = 14`` it covers as
little as 85% for ``tau^2`` of about ``m / 2``.

So carry the uncertainty of ``s^2`` along. As ``(K-1) s^2 / (tau^2 + m)`` is chi-square with ``K-1``
degrees of freedom, and ``f V / Var(mean)`` approximately with ``f``, the fiducial (generalised
pivotal) variance of the prediction is

    D = (1 + 1/K) max(s^2 (K-1) / X - 0.9 m, 0) + V f / Y,     X ~ chi2(K-1), Y ~ chi2(f),

and the half-width is the quantile ``q`` with ``P(|Z| sqrt(D) <= q) = level``. It is Student's
interval when ``m = V = 0`` and :func:`~gengap.statistics.gap.mean_interval` when ``tau`` is
certainly 0. Generalised pivots: S. Weerahandi, Journal of the American Statistical Association 88
(1993), 899-905. A tenth of ``m`` is left in because the pivot alone dips to 93% where ``tau^2`` is
near ``m``. So drawn, with normal costs and known ``m`` and ``V``, a 95% interval for ``K`` of 3 to
30 covers at least 94.5%, at most 97.7% once ``tau^2`` exceeds ``m / 2``, and up to 99.7% as ``tau``
goes to 0: where measurement noise dominates, the interval is conservative.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.quadrature import inverse_chi_square, normal_mixture_quantile
from gengap.statistics.two_way import two_way
from gengap.statistics.variance import add_training

_DEDUCTED = 0.9
FEW_ENVIRONMENTS = "Fewer than 3 environments: the score in a new one cannot be predicted."
ONE_SEED = (
    "Measurement noise cannot be told without several seeds: the interval is that of the measured "
    "score of a new environment under this seed."
)


def prediction_interval(
    means: np.ndarray,
    measurement: float,
    mean_variance: float,
    degrees: float,
    level: float = 0.95,
    note: str = "",
) -> Interval:
    """Interval of the true mean of a new environment.

    Args:
        means: ``(K,)`` measured means of at least 2 environments.
        measurement: mean variance of ``means`` about the true values, the module's ``m``.
        mean_variance: variance of the mean of ``means`` as fixed environments, ``V``.
        degrees: degrees of freedom of ``mean_variance``; may be infinite.
        level: the share of new environments inside.
        note: passed on.
    """
    K = len(means)
    estimate = float(means.mean())
    spread = float(means.var(ddof=1)) * inverse_chi_square(K - 1)
    between = (1 + 1 / K) * np.maximum(spread - _DEDUCTED * measurement, 0.0)
    variances = between[:, None] + mean_variance * inverse_chi_square(degrees)
    half = normal_mixture_quantile(level, np.sqrt(variances))
    return Interval(estimate, estimate - half, estimate + half, level, note)


def new_environment(scores: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the expected score in a new environment from the same source.

    Measurement noise, estimated from what seeds and environments do not explain together
    (:mod:`gengap.statistics.two_way`), is taken off the spread of the environments.

    Args:
        scores: ``(E, S)`` scores of one method by environment and seed, NaN where missing.
        level: the share of new environments inside.

    Returns:
        The interval around the mean of the environments. Limits are NaN, with the reason in the
        note, for fewer than 3 environments; with one seed nothing is taken off, which is noted.

    Raises:
        UsageError: an unusable table, see :func:`gengap.statistics.two_way.two_way`.
    """
    check_level(level)
    fit = two_way(scores)
    E = len(fit.means)
    if E < 3:
        return Interval(float(fit.means.mean()), math.nan, math.nan, level, FEW_ENVIRONMENTS)
    if fit.degrees == 0:
        return prediction_interval(fit.means, 0.0, 0.0, math.inf, level, ONE_SEED)
    example = fit.residual * float(fit.covariance.sum()) / E**2
    variance, degrees = add_training(example, fit.degrees, 1 / fit.seeds, fit.between)
    return prediction_interval(fit.means, fit.scatter, variance, degrees, level)
