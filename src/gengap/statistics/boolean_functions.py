"""Functions of ``d`` signs by their Fourier transform: influence, and what least degree extends.

Any ``f`` of ``x ∈ {1, −1}^d`` is a sum of products of coordinates,

    f(x) = Σ_S f̂(S) χ_S(x),        χ_S(x) = Π_{i∈S} x_i,        f̂(S) = E f χ_S,

with ``E f² = Σ f̂(S)²``. The influence of a coordinate is ``Σ_{S∋i} f̂(S)²``, for ``f`` of signs the
share of inputs at which changing it changes ``f``.

Of all functions that agree with ``f`` where it was seen, the *minimum-degree interpolator* has the
least power ``Σ_{|S|=k} f̂(S)²`` at the highest degree ``k``, among these the least at the next, and
so on. Where a coordinate was always 1 it is ``f`` with this coordinate put to 1, whose error
``E (f − g)² / 2`` is the influence of the coordinate.

Sources: E. Abbe et al., Learning to reason with neural networks (2022), arXiv:2205.13647; E. Abbe
et al., Generalization on the unseen, logic reasoning and degree curriculum (2023),
arXiv:2301.13105.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError

# Unseen inputs times inputs, whose matrix is decomposed once a degree.
MOST = 1 << 22


def walsh(values: np.ndarray) -> np.ndarray:
    """Fourier coefficients of ``(2^d, ...)`` values, shaped alike.

    The values are those on :func:`~gengap.base.cube.cube`.

    Coefficient ``s`` is of the product of the coordinates whose bit is set in ``s``.

    Raises:
        UsageError: the number of values is no power of two.
    """
    found = np.array(values, np.float64)
    count = len(found)
    if count == 0 or count & (count - 1):
        raise UsageError(f"A function of signs has a power of two of values, not {count}.")
    half = 1
    while half < count:
        pairs = found.reshape(count // (2 * half), 2, half, *found.shape[1:])
        found = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1)
        found = found.reshape(values.shape)
        half *= 2
    return found / count


def degrees(count: int) -> np.ndarray:
    """How many coordinates each coefficient of ``count`` is a product of, ``(count,)``."""
    return np.bitwise_count(np.arange(count)).astype(np.int64)


def influence(values: np.ndarray, bit: int) -> float:
    """The influence of a coordinate on a function with these values ``(2^d,)``."""
    coefficients = walsh(values)
    holds = (np.arange(len(coefficients)) >> bit) & 1 == 1
    return float(np.sum(coefficients[holds] ** 2))


def minimum_degree(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The values ``(2^d,)`` of the minimum-degree interpolator.

    Args:
        values: ``(2^d,)`` of the function; those not seen are not read.
        seen: ``(2^d,)`` bool.

    Raises:
        UsageError: nothing was seen, or more is unseen than can be solved for.
    """
    unseen = np.flatnonzero(~seen)
    if not seen.any() or len(unseen) * len(seen) > MOST:
        raise UsageError(
            f"{int(seen.sum()):,} of {len(seen):,} inputs are seen; give at least one, and so many "
            "that unseen ones times all are at most four million."
        )
    known = np.where(seen, values, 0.0)
    free = np.zeros((len(seen), len(unseen)))
    free[unseen, np.arange(len(unseen))] = 1
    of_free, constant, of = walsh(free), walsh(known), degrees(len(seen))
    answer, directions = np.zeros(len(unseen)), np.eye(len(unseen))
    for degree in range(int(of.max()), -1, -1):
        if not directions.shape[1]:
            break
        own = of_free[of == degree] @ directions
        left = constant[of == degree] + of_free[of == degree] @ answer
        u, lengths, v = np.linalg.svd(own)
        # A unit of one value has coefficients of this length altogether; far less is rounding.
        rank = int((lengths > 1e-9 / np.sqrt(len(seen))).sum())
        step = v[:rank].T @ (u[:, :rank].T @ left / lengths[:rank])
        answer, directions = answer - directions @ step, directions @ v[rank:].T
    found = known.copy()
    found[unseen] = answer
    return found
