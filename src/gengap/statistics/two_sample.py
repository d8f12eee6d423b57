"""Do two sets of feature vectors come from one distribution? A permutation test in many dimensions.

The maximum mean discrepancy compares mean similarities within the sets with those between them.
With a kernel ``k``, ``n`` points ``x`` and ``m`` points ``y``

    MMD^2 = sum_{i != j} k(x_i, x_j) / (n (n - 1)) + sum_{i != j} k(y_i, y_j) / (m (m - 1))
            - 2 sum_ij k(x_i, y_j) / (n m),

unbiased, may be negative, 0 on average under equality; ``k(a, b) = exp(-|a - b|^2 / (2 s^2))``. A
width ``s`` of the median distance or more sees means that move; spreads and correlations show to a
narrower kernel, and what is local to one narrower still. So four widths are tried, 2, 1, 1/2 and
1/4 median distances, and the largest of the four statistics counts, each in standard deviations
over the assignments below. A kernel of half the width is the fourth power of the other.

If the distributions are equal, every assignment of the pooled points to the two sets was equally
likely, so ``p = (1 + b) / (1 + B)`` with ``b`` of ``B`` random assignments at least as extreme is
exact, whatever the kernel, and with the largest over kernels as with one, since the mean and the
deviation that standardise it are of all assignments, the one observed among them. In terms of the
0-1 vector ``z`` of an assignment all sums follow from
``z'Kz``, ``z'K1`` and ``1'K1``: one matrix product serves all assignments. ``K`` is formed in
blocks of its upper half and never held.

It helps to say *that* inputs have moved. It hurts as a verdict on a model: with thousands of points
a shift too small to matter is significant, and concept shift leaves no trace in the inputs. In high
dimension the median distance is nearly all distances, and power falls.

Sources: A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf & A. Smola, A kernel two-sample test,
Journal of Machine Learning Research 13 (2012), 723-773; A. Schrab, I. Kim, M. Albert, B. Laurent,
B. Guedj & A. Gretton, MMD aggregated two-sample test, Journal of Machine Learning Research 24
(2023), 1-81.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

BLOCK = 1_024
MEDIAN_OF = 1_000
WIDTHS = (2.0, 1.0, 0.5, 0.25)  # in median distances; each half the one before


@dataclass(frozen=True)
class TwoSampleTest:
    """A two-sample permutation test.

    Attributes:
        statistic: squared MMD with the median distance as width; larger is farther apart.
        p_value: one-sided, of the largest standardised statistic over widths; at least
            ``1 / (1 + permutations)``.
        permutations: number of random assignments.
    """

    statistic: float
    p_value: float
    permutations: int


def mmd_test(x: ArrayLike, y: ArrayLike, permutations: int = 100, seed: int = 0) -> TwoSampleTest:
    """Maximum mean discrepancy with Gaussian kernels of four widths about the median distance.

    Args:
        x: ``(n, d)`` features.
        y: ``(m, d)`` features.
        permutations: number of random assignments; memory grows by ``4 (n + m)`` bytes for each.
        seed: of the assignments, and of the points whose median distance is taken.

    Raises:
        UsageError: features that are not two tables of finite numbers with the same columns and at
            least 2 rows each, or no permutations.
    """
    pooled, n = _pooled(x, y, seed)
    if permutations < 1:
        raise UsageError(f"permutations is {permutations}; give a positive number, e.g. 100.")
    statistics = _statistics(pooled, _assignments(pooled, n, permutations, seed))
    spread = statistics.std(axis=1, keepdims=True)
    # Where all points are equal the statistics are 0 but for rounding.
    spread[spread < 1e-12] = np.inf
    most = ((statistics - statistics.mean(axis=1, keepdims=True)) / spread).max(axis=0)
    # Assignments that only swap equal points give equal statistics but for rounding.
    extreme = int(np.sum(most[1:] >= most[0] - 1e-9))
    observed = float(statistics[WIDTHS.index(1), 0])
    return TwoSampleTest(observed, (1 + extreme) / (1 + permutations), permutations)


def two_tables(
    x: ArrayLike, y: ArrayLike, *, finite: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of examples as float64 ``(n, d)`` and ``(m, d)``; NaN stays unless ``finite``.

    Raises:
        UsageError: not numbers, no tables, other features in one than in the other, or none; with
            ``finite`` also a number that is not, or no example.
    """
    try:
        first, second = (np.asarray(rows, dtype=np.float64) for rows in (x, y))
    except (TypeError, ValueError):
        raise UsageError("Features must be numbers; encode other columns first.") from None
    if first.ndim != 2 or second.ndim != 2 or first.shape[1:] != second.shape[1:]:
        raise UsageError(
            f"Features have shapes {first.shape} and {second.shape}; give two tables "
            "(examples, features) with the same features."
        )
    if first.shape[1] == 0:
        raise UsageError("The tables have no columns; give at least a feature.")
    if finite and not min(len(first), len(second)):
        raise UsageError("One of the tables has no rows; give at least an example.")
    if finite and not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UsageError("Features must be finite numbers; drop or fill what is missing.")
    return first, second


def _statistics(pooled: np.ndarray, assignments: np.ndarray) -> np.ndarray:
    """The statistic of each width and assignment, ``(4, A)``.

    Args:
        pooled: ``(N, d)`` features of both sets, in units of their median distance.
        assignments: ``(N, A)`` with 1 where a point counts as one of ``x`` and else 0.
    """
    N, A = assignments.shape
    within, rows = np.zeros((len(WIDTHS), A)), np.zeros((len(WIDTHS), N))
    for a, b, block in _upper_blocks(pooled):
        for k in range(len(WIDTHS)):
            sums = np.einsum("ip,ip->p", block @ assignments[b], assignments[a], dtype=np.float64)
            within[k] += sums if a == b else 2 * sums
            rows[k, a] += block.sum(axis=1, dtype=np.float64)
            if a != b:
                rows[k, b] += block.sum(axis=0, dtype=np.float64)
            np.square(np.square(block, out=block), out=block)
    to_all = rows @ assignments
    n = float(assignments[:, 0].sum())
    m = N - n
    other = rows.sum(axis=1, keepdims=True) - 2 * to_all + within
    # Unbiased: the diagonal, a point's similarity to itself, is left out of the means within.
    inside = within / (n * (n - 1)) + other / (m * (m - 1))
    return np.asarray(inside - 2 * (to_all - within) / (n * m))


def _upper_blocks(pooled: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Blocks of the widest kernel's matrix on and above its diagonal, which is set to 0."""
    norms = np.einsum("ij,ij->i", pooled, pooled)
    starts = range(0, len(pooled), BLOCK)
    for first in starts:
        a = slice(first, first + BLOCK)
        for second in starts[first // BLOCK :]:
            b = slice(second, second + BLOCK)
            block = _squares(pooled[a], pooled[b], norms[a], norms[b])
            block *= -0.5 / WIDTHS[0] ** 2
            np.exp(block, out=block)
            if a == b:
                np.fill_diagonal(block, 0.0)
            yield a, b, block


def _squares(x: np.ndarray, y: np.ndarray, x_norms: np.ndarray, y_norms: np.ndarray) -> np.ndarray:
    """Squared distances ``(n, m)`` between rows."""
    squares = (-2 * x) @ y.T
    squares += x_norms[:, None]
    squares += y_norms
    return np.maximum(squares, 0.0, out=squares)


def _assignments(pooled: np.ndarray, n: int, permutations: int, seed: int) -> np.ndarray:
    """The observed assignment and random ones of the same sizes, ``(N, 1 + permutations)``."""
    N = len(pooled)
    assignments = np.zeros((N, 1 + permutations), dtype=pooled.dtype)
    assignments[:n, 0] = 1.0
    rng = generator(seed, "two-sample assignments")
    for column in range(1, 1 + permutations):
        assignments[rng.permutation(N)[:n], column] = 1.0
    return assignments


def _pooled(x: ArrayLike, y: ArrayLike, seed: int) -> tuple[np.ndarray, int]:
    """Both sets centred and in units of their median distance ``(n + m, d)``, and ``n``."""
    first, second = two_tables(x, y, finite=True)
    if min(len(first), len(second)) < 2:
        raise UsageError("A two-sample test needs at least 2 examples in each set.")
    pooled = np.concatenate([first, second])
    pooled -= pooled.mean(axis=0)
    pooled /= _median_distance(pooled, seed)
    # With few points ties between assignments are common, and double precision costs nothing.
    return pooled.astype(np.float64 if len(pooled) <= BLOCK else np.float32), len(first)


def _median_distance(pooled: np.ndarray, seed: int) -> float:
    """Median distance of up to 1,000 points; 1 where all of them are equal."""
    rng = generator(seed, "two-sample median")
    some = pooled[rng.permutation(len(pooled))[:MEDIAN_OF]]
    distances = pdist(some)
    # Where most points are equal the median says nothing of the others' scale.
    return float(np.median(distances)) or float(distances.mean()) or 1.0
