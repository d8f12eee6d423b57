"""How far rows lie from what was trained on, factor by factor.

Each row that a split leaves out is compared with the rows that the split trains on. A number is
*beyond* where it is below the least or above the greatest of these, and *new* is a level that none
of them has. How far out a number lies runs from 0 at their median over 1 at their ends, ranks in
between, and beyond them rises by one for each of their standard deviations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gengap.questions.diagnosis.attributes import numeric
from gengap.records.study import Cell

MOST_RANKED = 4_000  # training rows that ranks are read off


@dataclass(frozen=True, eq=False)
class Novelty:
    """One factor's values against what was trained on.

    Attributes:
        name: the factor.
        values: ``(n,)`` numbers, NaN where missing; None of a factor of levels.
        out: ``(n,)`` how far out, NaN where missing or where no split leaves the row out; of a
            factor of levels 1 where new and else 0.
        new: ``(n,)`` whether the row lies beyond, or has a new level.
        common: the range that every split trains on; None of levels, or where there is none.
        distance: ``(environments,)`` how far an environment's rows are from the training rows:
            of numbers the difference of means in standard deviations, of levels the share of
            rows that would have to change theirs; NaN where not left out.
    """

    name: str
    values: np.ndarray | None
    out: np.ndarray
    new: np.ndarray
    common: tuple[float, float] | None
    distance: np.ndarray


def home_cells(cells: Sequence[Cell], n: int) -> np.ndarray:
    """``(n,)`` the first split that leaves a row out, -1 where none does."""
    home = np.full(n, -1)
    for k in reversed(range(len(cells))):
        home[cells[k].held_out] = k
    return home


def novelty_of(
    name: str, column: pd.Series, cells: Sequence[Cell], home: np.ndarray, environment: np.ndarray
) -> Novelty:
    """Compare one column ``(n,)`` with what each split trains on.

    Args:
        name: the factor's name.
        column: its values.
        cells: the splits.
        home: see :func:`home_cells`.
        environment: ``(n,)`` environment codes.
    """
    values = numeric(column)
    n, number = len(home), int(environment.max()) + 1
    out, new = np.full(n, np.nan), np.zeros(n, bool)
    sums, sizes = np.zeros(number), np.zeros(number)
    lows, highs = [], []
    codes = pd.factorize(column)[0] if values is None else None
    for k, cell in enumerate(cells):
        own = np.flatnonzero(home == k)
        if not len(own):
            continue
        train = np.flatnonzero(cell.rows & ~cell.held_out)
        present = np.unique(environment[own])
        if values is not None:
            known = values[train][~np.isnan(values[train])]
            if len(known) < 2:
                continue
            low, high, spread = float(known.min()), float(known.max()), float(known.std())
            out[own] = _out(values[own], known, spread)
            new[own] = (values[own] < low) | (values[own] > high)
            lows.append(low)
            highs.append(high)
            for e in present:
                mine = values[own[environment[own] == e]]
                if spread > 0 and not np.isnan(mine).all():
                    sums[e] += abs(float(np.nanmean(mine)) - float(known.mean())) / spread
                    sizes[e] += 1
        else:
            assert codes is not None
            levels = int(codes.max()) + 2
            trained = np.bincount(codes[train] + 1, minlength=levels)
            out[own] = new[own] = trained[codes[own] + 1] == 0
            for e in present:
                mine = np.bincount(codes[own[environment[own] == e]] + 1, minlength=levels)
                moved = np.abs(mine / mine.sum() - trained / max(trained.sum(), 1)).sum() / 2
                sums[e] += float(moved)
                sizes[e] += 1
    with np.errstate(invalid="ignore"):
        distance = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    common = (max(lows), min(highs)) if lows and max(lows) < min(highs) else None
    return Novelty(name, values, out, new, common, distance)


def _out(values: np.ndarray, known: np.ndarray, spread: float) -> np.ndarray:
    """How far out values lie among the known ones."""
    some = np.sort(known[:: -(-len(known) // MOST_RANKED)])
    below = np.searchsorted(some, values, "left") + np.searchsorted(some, values, "right")
    inside = np.abs(below / len(some) - 1)
    beyond = np.maximum(np.maximum(known.min() - values, values - known.max()), 0.0)
    unit = spread if spread > 0 else 1.0
    found = np.where(beyond > 0, 1 + beyond / unit, np.minimum(inside, 1.0))
    return np.where(np.isnan(values), np.nan, found)
