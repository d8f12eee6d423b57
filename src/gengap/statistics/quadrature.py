"""Integrals over chi-square variables, for pivots that mix normals of uncertain variance.

A variance estimate ``V`` with ``f`` degrees of freedom has ``f V / Var`` chi-square, so that
``V f / X`` with ``X ~ chi2(f)`` says which variances the estimate is compatible with (the fiducial,
or generalised pivotal, variance). All is evaluated at the nodes of a Gauss-Legendre rule over the
probabilities of ``X``.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from gengap.statistics.intervals import quantile

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


def inverse_chi_square(degrees: float) -> np.ndarray:
    """``degrees / chi2`` at the ``(40,)`` nodes, to be weighted by ``WEIGHTS``."""
    if degrees > 1e6:
        return np.ones_like(_NODES)
    return degrees / special.chdtri(degrees, _NODES)


def normal_mixture_quantile(level: float, deviations: np.ndarray) -> float:
    """The ``q`` with ``P(|Z| <= q) = level`` for a mixture of centred normals; 0 if all are 0.

    Args:
        level: the probability.
        deviations: ``(40, 40)`` standard deviations at the nodes of two chi-square variables.
    """
    largest = float(deviations.max())
    if largest == 0:
        return 0.0
    # Deviations are scaled to at most 1 and kept off 0, where |Z| <= q holds with certainty.
    scaled = np.maximum(deviations / largest, 1e-12)
    weights = np.outer(WEIGHTS, WEIGHTS)

    def excess(q: float) -> float:
        return float(np.sum(weights * special.erf(q / scaled / np.sqrt(2)))) - level

    return largest * float(optimize.brentq(excess, 0.0, 1.01 * quantile(level, np.inf)))
