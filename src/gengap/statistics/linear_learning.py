"""How fast gradient descent learns a linear rule, here and elsewhere: the closed form.

A rule ``y = t · x`` of ``d`` standard normal inputs is learnt from ``n`` examples by least squares.
With ``Σ = Xᵀ X / n`` the error of the weights after steps of rates ``η_1, η_2, ...`` is

    e_k = Π_j (1 − 2 η_j Σ) e_0,

so the loss is ``eᵀ Σ e`` on what is trained on and ``|e|²`` elsewhere. Of a random ``e_0`` both are
sums over the eigenvalues of ``Σ``, which for large ``d`` and ``λ = d / n`` follow the law of
Marchenko and Pastur: density ``√((b − v)(v − a)) / (2π λ v)`` between ``a, b = (1 ∓ √λ)²``, and for
``λ > 1`` a share ``1 − 1 / λ`` at 0. Small eigenvalues are hardly felt in training and as much as
any elsewhere: that is why the loss elsewhere falls later, and all the later the nearer ``λ`` is
to 1. A share of examples within a tolerance rises from nothing to nearly all while a loss falls by
a small factor, so by that measure the rule is understood all of a sudden.

Source: N. Levi, A. Beck & Y. Bar-Sinai, Grokking in linear estimators: a solvable model that groks
without understanding (2024), arXiv:2310.16441.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from gengap.base.errors import UsageError

NODES = 2000


def covariance_spectrum(ratio: float, nodes: int = NODES) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the covariance of standard normal inputs, and their weights, ``(m,)`` each.

    Args:
        ratio: inputs to examples, ``d / n``.
        nodes: of the quadrature (Gauss's of Chebyshev's second kind, as the density has its
            square root).

    Raises:
        UsageError: a ratio of 0 or less.
    """
    if not ratio > 0:
        raise UsageError(f"Inputs to examples are in a ratio above 0, not {ratio:g}.")
    angle = np.pi * np.arange(1, nodes + 1) / (nodes + 1)
    centre, radius = 1 + ratio, 2 * np.sqrt(ratio)
    values = centre + radius * np.cos(angle)
    squared = np.pi / (nodes + 1) * np.sin(angle) ** 2
    weights = radius**2 * squared / (2 * np.pi * ratio * values)
    if ratio > 1:
        values, weights = np.append(values, 0.0), np.append(weights, 1 - 1 / ratio)
    return values, weights


def expected_losses(
    rates: np.ndarray, ratio: float, start: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error on what is trained on and elsewhere, before each step and after the last.

    Args:
        rates: ``(k,)`` of the steps of gradient descent on the mean squared error.
        ratio: inputs to examples.
        start: squared length of the weights' error before the first step.

    Returns:
        ``(k + 1,)`` each.

    Raises:
        UsageError: a rate so large that errors grow.
    """
    values, weights = covariance_spectrum(ratio)
    if np.max(rates) * values.max() > 1:
        raise UsageError(
            f"At a rate of {np.max(rates):g} errors grow; take less than {1 / values.max():.2g}."
        )
    with np.errstate(divide="ignore"):
        shrinking = np.log(np.square(1 - 2 * np.asarray(rates)[:, None] * values))
    left = np.exp(np.vstack([np.zeros_like(values), np.cumsum(shrinking, 0)]))
    return start * left @ (weights * values), start * left @ weights


def share_within(loss: np.ndarray, tolerance: float) -> np.ndarray:
    """Share of examples whose normal error is no larger than a tolerance, by its mean square.

    Args:
        loss: mean squared errors, of any shape.
        tolerance: in the unit of the target.
    """
    return np.asarray(special.erf(tolerance / np.sqrt(2 * np.asarray(loss))))
