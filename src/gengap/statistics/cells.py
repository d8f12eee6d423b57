"""Sums over the cells (environment x seed) of a long table of differences.

One entry is a test example of environment ``e`` scored under seed ``s``:

    d_esi = c_e + a_s + b_es + u_ei + v_esi,

with ``c_e`` the cost in environment ``e``, ``a_s`` what seed ``s`` does to all environments (they
share one reference run), ``b_es`` what it does to one environment, ``u_ei`` the example's own
part, the same under every seed, and ``v_esi`` the rest. The environment's estimate is the plain
mean of its ``N_e`` entries, the mean of the runs' scores where test parts are equal in size.

*Example noise.* With ``r`` the deviation from the cell's mean, and ``N_e - S_e`` degrees of freedom
left after removing ``S_e`` cell means, the entries of one example are summed before squaring,

    example_e = N_e / (N_e - S_e) * sum_i (sum_s r_esi)^2 / N_e^2,

so an example scored under several seeds counts once: with ``m`` seeds each, this is the variance of
the per-example means over the number of distinct examples. With one seed it is the ``s^2 / n`` of
the paired t interval.

*Between-seed noise.* The sample variance over seeds of the cell means of ``e`` has expectation
``Var(a) + Var(b) + noise_e``, where examples alone contribute

    noise_e = mean_s Var(cell mean) - mean_{s != t} Cov(cell means of s and t),

and the covariance, from examples scored under both seeds, vanishes for disjoint test parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError

PRIOR_DEGREES = 5.0
"""How many degrees of freedom the other environments' example noise counts for."""


@dataclass(frozen=True)
class Cells:
    """What the intervals need from a long table with ``K`` environments and ``S`` seeds.

    Attributes:
        environments: ``(K,)`` the environment codes, ascending.
        counts: ``(K, S)`` entries per cell, 0 where an environment lacks a seed.
        deviations: ``(K, S)`` cell mean minus the mean of its environment; 0 where absent.
        means: ``(K,)`` estimates, the plain mean of an environment's entries.
        example: ``(K,)`` variance of ``means`` that comes from examples.
        example_degrees: ``(K,)`` degrees of freedom of ``example``; 0 where it is unknown.
        distinct: ``(K,)`` distinct examples.
        noise: ``(K,)`` what examples contribute to the sample variance between seeds.
    """

    environments: np.ndarray
    counts: np.ndarray
    deviations: np.ndarray
    means: np.ndarray
    example: np.ndarray
    example_degrees: np.ndarray
    distinct: np.ndarray
    noise: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Number of environments and number of seeds."""
        return self.counts.shape[0], self.counts.shape[1]

    @property
    def shares(self) -> np.ndarray:
        """``(K, S)`` share of an environment's entries that each seed has."""
        return self.counts / self.counts.sum(axis=1, keepdims=True)

    @cached_property
    def repeated(self) -> np.ndarray:
        """``(K,)`` whether the environment was scored under at least two seeds."""
        return (self.counts > 0).sum(axis=1) > 1


def summarise(
    difference: ArrayLike, environment: ArrayLike, seed: ArrayLike, example: ArrayLike
) -> Cells:
    """Sum a long table of ``n`` entries into :class:`Cells`.

    Args:
        difference: ``(n,)`` difference of two scores of the same example.
        environment: ``(n,)`` int environment codes.
        seed: ``(n,)`` int seeds.
        example: ``(n,)`` int row ids; within a seed each example appears at most once.

    Raises:
        UsageError: empty or unequal columns, values that are not finite, an example that
            appears twice under one seed or in two environments.
    """
    values, columns = read_columns(difference, environment, seed, example)
    (environments, e), (seeds, s), (_, i) = (
        np.unique(column, return_inverse=True) for column in columns
    )
    home = _home(e, s, i, columns[2])
    K, S = len(environments), len(seeds)
    cell = e * S + s
    counts = np.bincount(cell, minlength=K * S).reshape(K, S)
    present = counts > 0
    n_seeds, entries = present.sum(axis=1), counts.sum(axis=1)
    sizes = np.maximum(counts, 1)
    cell_means = np.bincount(cell, values, minlength=K * S).reshape(K, S) / sizes
    centre = (cell_means * present).sum(axis=1) / n_seeds

    # What rounding leaves of equal values is no noise.
    tiny = 1e-12 * np.abs(values).max()
    r = _zeroed(values - cell_means[e, s], tiny)
    # Every cell mean taken out costs a degree of freedom; the scale makes up for it.
    free = entries - n_seeds
    scale = entries / np.maximum(free, 1)
    # An example's entries are summed before squaring: what it does, it does under every seed.
    summed = np.bincount(home, np.bincount(i, r) ** 2, minlength=K)
    variance = np.bincount(e, r**2, minlength=K) / np.maximum(free, 1)
    # Two seeds that scored the same examples share their part, which parts no cell means: the
    # square of a sum less the sum of the squares is that covariance over all pairs of seeds.
    z = r / sizes[e, s]
    overlap = np.bincount(home, np.bincount(i, z) ** 2, minlength=K)
    overlap -= np.bincount(e, z**2, minlength=K)
    pairs = np.maximum(n_seeds * (n_seeds - 1), 1)
    distinct = np.bincount(home, minlength=K)
    inverse_size = (present / sizes).sum(axis=1) / n_seeds
    return Cells(
        environments=environments,
        counts=counts,
        deviations=_zeroed(np.where(present, cell_means - centre[:, None], 0.0), tiny),
        means=np.bincount(e, values, minlength=K) / entries,
        example=scale * summed / entries**2,
        example_degrees=distinct * free / entries,
        distinct=distinct,
        noise=np.maximum(variance * inverse_size - scale * overlap / pairs, 0.0),
    )


def read_columns(
    difference: ArrayLike, environment: ArrayLike, seed: ArrayLike, example: ArrayLike
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Check the four columns of a long table: ``(n,)`` float64 values, and the int columns.

    Raises:
        UsageError: empty or unequal columns, values that are not finite.
    """
    values = np.asarray(difference, dtype=np.float64)
    columns = [np.asarray(column) for column in (environment, seed, example)]
    if values.ndim != 1 or values.size == 0:
        raise UsageError(
            f"difference has shape {values.shape}; give one number per scored example."
        )
    for name, column in zip(("environment", "seed", "example"), columns, strict=True):
        if column.shape != values.shape:
            raise UsageError(
                f"{name} has shape {column.shape} but difference has {values.shape}; "
                "give one entry per difference."
            )
        if column.dtype.kind not in "iu":
            raise UsageError(f"{name} must hold whole numbers; it holds {column.dtype}.")
    bad = ~np.isfinite(values)
    if bad.any():
        raise UsageError(
            f"difference is not a finite number in entry {int(np.argmax(bad))}; leave out examples "
            "that were not scored."
        )
    return values, columns


def _zeroed(values: np.ndarray, tiny: float) -> np.ndarray:
    """Rounding errors become exact zeros, so that constant input has exactly no variance."""
    return np.where(np.abs(values) <= tiny, 0.0, values)


def _home(e: np.ndarray, s: np.ndarray, i: np.ndarray, example: np.ndarray) -> np.ndarray:
    """The environment of each distinct example, after checking that it is one and unrepeated."""
    home = np.zeros(int(i.max()) + 1, dtype=np.int64)
    home[i] = e
    moved = home[i] != e
    if moved.any():
        raise UsageError(
            f"Example {int(example[np.argmax(moved)])} appears in two environments; give every "
            "example its own row id."
        )
    key = i.astype(np.int64) * (int(s.max()) + 1) + s
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    if (times > 1).any():
        raise UsageError(
            f"Example {int(example[first[np.argmax(times > 1)]])} appears twice under one seed; "
            "give one entry per example and seed."
        )
    return home


def borrow(cells: Cells) -> Cells:
    """Fill in example noise where cells hold one entry each, from the other environments.

    Without two entries in any cell an environment says nothing about its example noise; it then
    takes the variance per example that the others have on average, with the weight of
    ``PRIOR_DEGREES``. Nothing changes when no environment knows its example noise: what differs
    between seeds then counts as a whole.
    """
    missing = cells.example_degrees == 0
    if not missing.any() or missing.all():
        return cells
    pooled = pooled_variance(cells)
    return replace(
        cells,
        example=np.where(missing, pooled / cells.distinct, cells.example),
        example_degrees=np.where(missing, PRIOR_DEGREES, cells.example_degrees),
        noise=np.where(missing & cells.repeated, pooled, cells.noise),
    )


def steady(cells: Cells) -> Cells:
    """Raise example noise that is low by chance towards the average of the environments.

    With few disagreements per environment (26 examples, 6% of them scored differently) every fifth
    environment shows none at all, and its own variance of 0 would claim certainty. The variance
    per example becomes ``(d0 pooled + d own) / (d0 + d)`` with ``d0 = PRIOR_DEGREES``, as in
    G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004), but only
    where that raises it: an environment that is noisier than others keeps its own.
    """
    if not cells.example_degrees.any():
        return cells
    own, degrees = cells.example * cells.distinct, cells.example_degrees
    shrunk = (PRIOR_DEGREES * pooled_variance(cells) + degrees * own) / (PRIOR_DEGREES + degrees)
    raised = shrunk > own * (1 + 1e-9)
    return replace(
        cells,
        example=np.where(raised, shrunk / cells.distinct, cells.example),
        example_degrees=np.where(raised, degrees + PRIOR_DEGREES, degrees),
    )


def pooled_variance(cells: Cells) -> float:
    """Variance per example, pooled over environments by degrees of freedom."""
    own = cells.example * cells.distinct
    return float(np.average(own, weights=cells.example_degrees))
