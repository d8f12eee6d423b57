"""Sums over cells that hold all that the restricted likelihood needs of a long table of scores.

A *cell* is a combination of levels of all factors but the example. The table of 200,000 scores of a
study has a few hundred of them; of the examples only sums over those with equally many scores
matter. See :mod:`gengap.statistics.reml`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from gengap.statistics.crossed import Design, indicator

ONE_BLOCK = 64
"""Up to so many cells are handled as one block, which is faster than a block per environment."""


@dataclass(frozen=True)
class Sums:
    """What the likelihood needs of ``n`` scores in ``C`` cells.

    Attributes:
        n: number of scores.
        effects: per factor but the example, ``(C, levels)`` indicators.
        nested: per position in ``effects`` of the factors that do not cross environments,
            ``(C, C)``, whether two cells share a level.
        blocks: where the cells of each environment lie, which follow one another; a single block
            where cells are so few that one is faster.
        counts: ``(C,)`` scores per cell.
        totals: ``(C,)`` sum of the scores of a cell.
        squares: sum of squared scores.
        by_count: sums over the examples with ``m`` scores, for each ``m``; empty without examples.
    """

    n: int
    effects: list[np.ndarray]
    nested: dict[int, np.ndarray]
    blocks: list[slice]
    counts: np.ndarray
    totals: np.ndarray
    squares: float
    by_count: list[ExampleSums]

    @property
    def parts(self) -> int:
        """Number of variances: the factors and the residual."""
        return len(self.effects) + bool(self.by_count) + 1


class ExampleSums(NamedTuple):
    """Sums over the ``number`` examples with ``m`` scores each.

    ``shared`` is ``(C, C)``, how often an example is in both cells; ``totals`` ``(C,)`` sums the
    examples' totals over the cells they are in; ``squares`` sums the squared totals.
    """

    m: int
    number: int
    shared: np.ndarray
    totals: np.ndarray
    squares: float


def cell_sums(design: Design, y: np.ndarray) -> Sums:
    """Sums of the scores ``y`` ``(n,)``, which may be the design's scores on another scale."""
    factors = {name: code for name, code in design.codes.items() if name != "example"}
    n = len(y)
    if factors:
        rows, cell = np.unique(np.stack(list(factors.values())), axis=1, return_inverse=True)
        cell = cell.ravel()
    else:
        rows, cell = np.zeros((0, 1), dtype=np.int64), np.zeros(n, dtype=np.int64)
    C = rows.shape[1]
    names = list(factors)
    # np.unique sorts by the first factor, so where that is the environment its cells lie together.
    home = rows[names.index("environment")] if "environment" in names else np.zeros(C, dtype=int)
    edges = np.flatnonzero(np.diff(home, prepend=-1, append=-1)) if C > ONE_BLOCK else [0, C]
    effects = [indicator(row).toarray() for row in rows]
    examples = []
    if "example" in design.codes:
        examples = _example_sums(design.codes["example"], cell, C, y)
    return Sums(
        n=n,
        effects=effects,
        nested={
            j: effect @ effect.T
            for j, (name, effect) in enumerate(zip(names, effects, strict=True))
            if name not in ("seed", "split")
        },
        blocks=[slice(int(a), int(b)) for a, b in itertools.pairwise(edges)],
        counts=np.bincount(cell, minlength=C).astype(float),
        totals=np.bincount(cell, y, minlength=C),
        squares=float(y @ y),
        by_count=examples,
    )


def _example_sums(
    example: np.ndarray, cell: np.ndarray, C: int, y: np.ndarray
) -> list[ExampleSums]:
    n = len(y)
    table = sparse.csr_array((np.ones(n), (example, cell)), shape=(int(example.max()) + 1, C))
    totals = np.bincount(example, y)
    scored = np.bincount(example)
    groups = []
    for m in np.unique(scored):
        which = np.flatnonzero(scored == m)
        some = table[which]
        shared = (some.T @ some).toarray()
        own = totals[which]
        groups.append(ExampleSums(int(m), len(which), shared, some.T @ own, float(own @ own)))
    return groups
