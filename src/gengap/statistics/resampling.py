"""Resamples of runs within environments: drawn in blocks on threads, or all of them where few.

A stratified resample of environments with ``n_1 .. n_E`` runs draws, for each environment, ``n_e``
of its runs with replacement. A statistic of the resample needs only how often each run was drawn,
so draws are counted first: ``counts[e, s, b]``, one small integer per run and resample ``b``.

*All of them.* An environment of ``n`` runs has ``C(2n - 1, n)`` distinct resamples, and one that
takes its runs ``c_1 .. c_n`` times has chance ``n! / (c_1! .. c_n!) / n^n``. Where the product over
environments is at most the number of resamples asked for (3 environments of 3 runs: 1,000; one of 6
runs: 462), each is visited once with its chance as weight: no Monte Carlo error, at no more work.

*Work* grows with runs times resamples. Callers whose limits hardly gain from more ask for no more
than :func:`affordable`, and say so: a hundred thousand runs need no 2,000 resamples.

*Threads.* Resamples come in blocks of a size that depends on the table alone, each with a generator
of its own, so that the digits do not depend on the number of threads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from gengap.base import seeds
from gengap.base.errors import UsageError
from gengap.base.machine import cores

BLOCK = 2**19
"""Draws per block: what a core's cache holds."""
MOST_DRAWS = 3 * 10**7
"""Draws, a second or two of work, beyond which resamples become fewer."""
FEWEST_RESAMPLES = 200
COMPARED = 64
"""Units in a stratum up to which comparing each with every draw is the fastest way to count."""


class Replicates(NamedTuple):
    """A statistic's values on resamples.

    Attributes:
        values: ``(..., B)`` float.
        weights: ``(B,)`` chances of the resamples, or None where each counts the same.
    """

    values: np.ndarray
    weights: np.ndarray | None


def replicate(
    statistic: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    sizes: np.ndarray,
    replicates: int,
    seed: int,
    purpose: str,
    *,
    threads: int = 1,
    exact: bool = True,
    block: int = 0,
) -> Replicates:
    """Values of a statistic on resamples of strata.

    Args:
        statistic: from draws ``(K, max(sizes), B)``, see :func:`draw`, to values ``(..., B)``; it
            also gets the block's generator, for draws of its own.
        sizes: ``(K,)`` units in each stratum.
        replicates: how many resamples, if not all are visited.
        seed: of the random numbers.
        purpose: names the stream of random numbers.
        threads: how many work at a time; 0 is one per core.
        exact: whether visiting all resamples is allowed; not where ``statistic`` itself draws.
        block: resamples per block; 0 is as many as :data:`BLOCK` draws make.

    Raises:
        UsageError: replicates or threads out of range.
    """
    if replicates < 1:
        raise UsageError(f"replicates is {replicates}; give a positive number, e.g. 2000.")
    if threads < 0:
        raise UsageError(f"threads is {threads}; give a number, or 0 for one per core.")
    # Visiting each distinct resample once, with its chance for weight, leaves no Monte Carlo error.
    if exact and distinct_resamples(sizes, replicates) <= replicates:
        draws, weights = all_resamples(sizes)
        return Replicates(statistic(draws, seeds.generator(seed, purpose)), weights)
    block = block or max(1, BLOCK // (len(sizes) * int(sizes.max())))

    def one_block(start: int) -> np.ndarray:
        rng = seeds.generator(seed, purpose, start)
        return statistic(draw(sizes, min(block, replicates - start), rng), rng)

    starts = range(0, replicates, block)
    workers = min(threads or cores(), len(starts))
    if workers == 1:
        return Replicates(np.concatenate([one_block(start) for start in starts], axis=-1), None)
    with ThreadPoolExecutor(workers) as pool:
        return Replicates(np.concatenate(list(pool.map(one_block, starts)), axis=-1), None)


def affordable(replicates: int, runs: int) -> int:
    """How many of the resamples of so many runs fit :data:`MOST_DRAWS`, but at least 200."""
    return min(replicates, max(FEWEST_RESAMPLES, MOST_DRAWS // runs))


def fewer_note(replicates: int, asked: int) -> str:
    """A sentence where resamples are fewer than asked for."""
    return f"{replicates:,} resamples, not {asked:,}: runs are many." if replicates < asked else ""


def draw(sizes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws ``(K, S, count)`` with ``S = max(sizes)``: positions in each stratum, then ``S``.

    Stratum ``k`` has ``sizes[k]`` draws; the rest of its ``S`` slots hold ``S``, which is nobody.
    """
    slots = int(sizes.max())
    kind = _smallest(slots)
    if sizes.min() == slots:
        return rng.integers(0, slots, (len(sizes), slots, count), dtype=kind)
    draws = np.full((len(sizes), slots, count), slots, dtype=kind)
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        draws[rows, :size] = rng.integers(0, size, (len(rows), size, count), dtype=kind)
    return draws


def tally(draws: np.ndarray) -> np.ndarray:
    """How often each unit was drawn, ``(K, S, B)`` small integers, from draws of that shape."""
    strata, slots, resamples = draws.shape
    if slots > COMPARED:
        cells = draws.astype(np.intp)
        cells *= resamples
        cells += np.arange(strata)[:, None, None] * ((slots + 1) * resamples)
        cells += np.arange(resamples)
        counted = np.bincount(cells.ravel(), minlength=strata * (slots + 1) * resamples)
        return counted.reshape(strata, slots + 1, resamples)[:, :slots].astype(draws.dtype)
    counts = np.empty(draws.shape, dtype=draws.dtype)
    for unit in range(slots):
        # Quadratic, and still several times faster than np.bincount for few units: it is the one
        # way that uses all lanes of the processor.
        np.add.reduce(draws == unit, axis=1, dtype=counts.dtype, out=counts[:, unit])
    return counts


def distinct_resamples(sizes: np.ndarray, most: int) -> int:
    """How many different resamples there are, or some number above ``most`` if there are more."""
    count = 1
    for size in sizes.tolist():
        # C(2n - 1, n) is at least n: larger strata need not be worked out.
        count *= math.comb(2 * size - 1, size) if size <= most else size
        if count > most:
            break
    return count


def all_resamples(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every distinct resample as draws ``(K, S, B)``, and its chance ``(B,)``."""
    slots = int(sizes.max())
    options = [_multisets(size) for size in sizes.tolist()]
    shape = tuple(len(chances) for _, chances in options)
    chosen = np.unravel_index(np.arange(math.prod(shape)), shape)
    draws = np.full((len(sizes), slots, math.prod(shape)), slots, dtype=_smallest(slots))
    weights = np.ones(math.prod(shape))
    for row, (multisets, chances), pick in zip(draws, options, chosen, strict=True):
        row[: multisets.shape[1]] = multisets[pick].T
        weights *= chances[pick]
    return draws, weights


def gather(runs: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Resampled scores ``(B, E, S)``, missing ones NaN, from ``(E, S)`` and draws ``(E, S, B)``."""
    padded = np.column_stack([runs, np.full(len(runs), np.nan)])
    rows = np.arange(len(runs))[:, None]
    return padded[rows, draws.transpose(2, 0, 1)]


def runs_first(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A table ``(E, S)`` with each environment's runs moved to the front, and their numbers."""
    missing = np.isnan(table)
    sizes = np.sum(~missing, axis=1)
    order = np.argsort(missing, axis=1, kind="stable")[:, : sizes.max()]
    return np.take_along_axis(table, order, axis=1), sizes


def _multisets(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The resamples of one stratum as draws ``(C, size)``, and their chances ``(C,)``."""
    multisets = np.array(list(itertools.combinations_with_replacement(range(size), size)))
    counts = np.stack([np.sum(multisets == unit, axis=1) for unit in range(size)], axis=1)
    factorials = np.array([math.factorial(n) for n in range(size + 1)], dtype=np.float64)
    return multisets, factorials[size] / factorials[counts].prod(axis=1) / float(size) ** size


def _smallest(largest: int) -> np.dtype:
    return np.min_scalar_type(largest)
