r"""How much of a value's spread over environments each of several quantities explains.

The value of ``E`` environments is regressed on every subset of ``F`` quantities. What a quantity
adds to the explained variance, averaged over all orders in which quantities can be added, is its
share (Shapley's value; R. H. Lindeman, P. F. Merenda & R. Z. Gold, Introduction to Bivariate and
Multivariate Analysis (1980), p. 119); shares add up to what all explain together.

With few environments every quantity explains something by chance, so explained variance is
Ezekiel's adjusted one, which ``k`` quantities without relation leave at 0 on average,

.. math:: \bar R^2 = 1 - (1 - R^2) \frac{E - 1}{E - k - 1}.

A share may be negative, which is no more than chance. The p-value is the share of permutations of
the value (the observed order one of them) in which a share is at least as large.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

MOST = 8
PERMUTATIONS = 4_999


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of explained variance, chance taken off.

    Attributes:
        share: ``(F,)``.
        p_value: ``(F,)`` that the quantity has no relation with the value.
        explained: ``R^2`` of all together, chance taken off.
    """

    share: np.ndarray
    p_value: np.ndarray
    explained: float


def explained_shares(values: np.ndarray, quantities: np.ndarray, seed: int = 0) -> Shares:
    """Shares of each quantity.

    Args:
        values: ``(E,)`` one number an environment.
        quantities: ``(E, F)``, none of them constant.
        seed: of the permutations.

    Raises:
        UsageError: more than eight quantities, or fewer than ``F + 3`` environments.
    """
    E, F = quantities.shape
    if F > MOST or E < F + 3:
        raise UsageError(
            f"{F} quantities cannot be told apart in {E} environments; at most {MOST}, and at "
            "least three environments more than quantities, are needed."
        )
    centred = quantities - quantities.mean(0)
    rng = generator(seed, "explained shares")
    y = values - values.mean()
    columns = np.stack([y, *(rng.permutation(y) for _ in range(PERMUTATIONS))], axis=1)
    total = float(y @ y)
    if total == 0:
        return Shares(np.zeros(F), np.ones(F), 0.0)
    fits = {
        subset: 1
        - (1 - _explained(centred[:, list(subset)], columns) / total) * (E - 1) / (E - 1 - k)
        for k in range(F + 1)
        for subset in itertools.combinations(range(F), k)
    }
    shares = np.stack([_shapley(f, F, fits) for f in range(F)])  # (F, 1 + permutations)
    least = shares[:, :1] - 1e-12
    return Shares(shares[:, 0], (shares >= least).mean(1), float(shares[:, 0].sum()))


def _explained(X: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sum of squares ``(P,)`` of each column that a regression on ``X (E, k)`` explains."""
    if not X.shape[1]:
        return np.zeros(columns.shape[1])
    left, sizes, _ = np.linalg.svd(X, full_matrices=False)
    basis = left[:, sizes > 1e-9 * sizes[0]] if sizes[0] > 0 else left[:, :0]
    return np.sum((basis.T @ columns) ** 2, axis=0)


def _shapley(f: int, F: int, fits: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    others = [k for k in range(F) if k != f]
    found = np.zeros_like(fits[()])
    for size in range(F):
        weight = math.factorial(size) * math.factorial(F - size - 1) / math.factorial(F)
        for subset in itertools.combinations(others, size):
            found += weight * (fits[tuple(sorted((*subset, f)))] - fits[subset])
    return found
