r"""How far the mean cost of these environments lies from the truth over fresh data: a posterior.

The mean over ``K`` environments errs by its test examples, variance ``e``, which are many and known
well, and by what training sets do to its runs, ``h^2 e``, of which few seeds show little
(:mod:`gengap.statistics.training` has ``M``, ``n`` and ``k``). Adding an estimate of the second,
truncated at 0, to the first makes intervals up to 1.7 times as wide as they need be: where scores
are right or wrong, ``M`` is five times as noisy as ``e`` and its excess is mostly chance. So ``h``
is taken for unknown, each value counts by how well it explains what was seen, and the half-width is
the quantile of the mixture of normal errors. With ``h^2 = a^2 + b^2``, ``a`` common to all
environments and ``b`` each environment's own, ``t`` what environments truly differ by, and

    V = e (1 + h^2 + h),

the three mean squares are multiples of independent chi-squares,

    M           expects  n + h^2 e / k                  with S - 1 degrees of freedom,
    M_i         expects  K n + K b^2 e / k              with (S - 1) (K - 1),
    spread / K  expects  e (1 + b^2 + b) + t^2 e        with K - 1,

``M_i`` of runs by environments. The spread bounds ``b`` where environments hardly differ and says
nothing where they do. The middle term ``h`` of ``V`` is a correlation of a half between what an
example does as test and as training data: it is about that for least squares under concept shift
and near 0 without shift; of the two ends one would make intervals 1.4 times as wide as need be.

*Prior.* Half-Cauchy for ``a`` and ``b`` with scales ``COMMON`` and ``OWN``: small, as training adds
between nothing (logistic regression, trees and small networks scored by accuracy) and one and a
half times ``e`` (least squares under shift), which its mean squares do show; with tails as heavy as
chance, so that a large effect that shows is believed (A. Gelman, Prior distributions for variance
parameters in hierarchical models, Bayesian Analysis 1 (2006), 515-534). ``1 / (DIFFER + t)`` for
``t``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special

COMMON, OWN, DIFFER = 0.05, 0.1, 0.2
CORRELATION = 0.5
_STEPS, _REACH, _HALVINGS = 22, 1.5, 40


class MeanSquare(NamedTuple):
    """A mean square, what examples alone would give it, and its degrees of freedom (or 0)."""

    square: float
    noise: float
    degrees: float


def posterior_half_width(
    example: float,
    degrees: float,
    share: float,
    runs: MeanSquare,
    inside: MeanSquare,
    spread: MeanSquare,
    level: float,
) -> float:
    """Half-width for the mean of these environments; see the module.

    Args:
        example: ``e``, above 0.
        degrees: its degrees of freedom.
        share: ``k``.
        runs: ``M``.
        inside: ``M_i`` over ``K``, of runs by environments.
        spread: of the environments' costs over their number; its ``noise`` is not used.
        level: the confidence level.
    """
    a = _ratios(share * runs.square / example)
    b = _ratios(share * inside.square / example) if inside.degrees else np.zeros(1)
    t = _ratios(spread.square / example) if spread.degrees else np.zeros(1)
    h = np.sqrt(a[:, None] ** 2 + b**2)
    own = 1 + b**2 + 2 * CORRELATION * b
    seen = (
        _likelihood(runs, runs.noise + example * h**2 / share)[..., None]
        + _likelihood(inside, inside.noise + example * b**2 / share)[None, :, None]
        + _likelihood(spread, example * (own[:, None] + t**2))[None]
    )
    weights = np.exp(seen - seen.max())
    weights *= _prior(a, COMMON, 2)[:, None, None] * _prior(b, OWN, 2)[:, None]
    found = (weights * _prior(t, DIFFER, 1)).sum(axis=2).ravel()
    deviations = np.sqrt(example * (1 + h**2 + 2 * CORRELATION * h)).ravel()
    return _quantile(found / found.sum(), deviations, degrees, level)


def _ratios(largest: float) -> np.ndarray:
    """Standard deviations over that of the examples, from 0 to beyond what was seen."""
    return np.r_[0.0, np.geomspace(0.01, _REACH * max(1.0, math.sqrt(largest)), _STEPS)]


def _prior(ratios: np.ndarray, scale: float, power: int) -> np.ndarray:
    """What each of the ratios stands for, by the trapezoidal rule."""
    if len(ratios) == 1:
        return np.ones(1)
    steps = np.diff(ratios)
    return (np.r_[steps, 0.0] + np.r_[0.0, steps]) / (1 + (ratios / scale) ** power)


def _likelihood(found: MeanSquare, expected: np.ndarray) -> np.ndarray:
    """Logarithm of a scaled chi-square's density, up to a constant."""
    if not found.degrees:
        return np.zeros_like(expected)
    floor = np.maximum(expected, 1e-12 * float(expected.max()))
    return -found.degrees / 2 * (np.log(floor) + found.square / floor)


def _quantile(weights: np.ndarray, deviations: np.ndarray, degrees: float, level: float) -> float:
    """The half-width that a mixture of Student's distributions exceeds as rarely as asked."""
    used = weights > 1e-9
    w, s = weights[used] / weights[used].sum(), deviations[used]
    t = float(special.stdtrit(degrees, (1 + level) / 2))
    low, high = t * float(s.min()), t * float(s.max())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = 2 * float(w @ special.stdtr(degrees, -middle / s))
        low, high = (middle, high) if beyond > 1 - level else (low, middle)
    return high
