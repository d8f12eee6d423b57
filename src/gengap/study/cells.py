"""From splits to what is trained for each: the unseen run, its reference, and inner runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.splits import NamedSplit
from gengap.records.study import Cell

# A reference serves splits whose training sets differ from each other by less than this share.
SIZE_TOLERANCE = 0.1
# More environments than this are sampled anew at every step rather than all put in each batch.
MOST_SLOTS = 16


class Grouped(Protocol):
    """Units with environments: what :class:`~gengap.environments.core.Environments` has."""

    @property
    def environment(self) -> np.ndarray:
        """``(n,)`` environment codes."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names."""
        ...


def cells_of(units: Grouped, splits: Sequence[NamedSplit], inner: bool = False) -> tuple[Cell, ...]:
    """All distinct cells, references first, then one unseen cell per split, then inner ones.

    Args:
        units: what is split.
        splits: the splits.
        inner: also the cells that leave one more training environment out, for model selection.

    Raises:
        UsageError: a split that leaves nothing to train on.
    """
    references = _references(units, [split for split in splits if not split.reference])
    n = len(units.environment)
    unseen = [
        replace(
            _cell(units, "unseen", s.name, mask(s.train, n), mask(s.unseen, n)),
            reference=s.reference or references[s.name].name,
        )
        for s in splits
    ]
    extra: dict[str, Cell] = {}
    if inner:
        unseen = [replace(cell, inner=_inner(units, cell, extra)) for cell in unseen]
    every = [*references.values(), *unseen, *extra.values()]
    return tuple({(c.role, c.name): c for c in every}.values())


def _references(units: Grouped, splits: Sequence[NamedSplit]) -> dict[str, Cell]:
    """The reference cell of each split, by the split's name; splits of equal size share one."""
    n = len(units.environment)
    groups: list[tuple[np.ndarray, int, int, list[NamedSplit]]] = []
    for split in sorted(splits, key=lambda s: len(s.train)):
        union = mask(split.train, n) | mask(split.unseen, n)
        slots = min(len(np.unique(units.environment[split.train])), MOST_SLOTS)
        for rows, size, width, members in groups:
            close = len(split.train) <= size * (1 + SIZE_TOLERANCE)
            if close and width == slots and np.array_equal(rows, union):
                members.append(split)
                break
        else:
            groups.append((union, len(split.train), slots, [split]))
    found: dict[str, Cell] = {}
    for number, (union, _, slots, members) in enumerate(groups):
        fraction = float(np.mean([len(s.train) for s in members]) / union.sum())
        name = "reference" if len(groups) == 1 else f"reference {number + 1}"
        own = _names(units, union)
        cell = Cell("reference", name, union, fraction, slots, (), own, np.zeros(n, bool))
        found.update({s.name: cell for s in members})
    return found


def _inner(units: Grouped, cell: Cell, shared: dict[str, Cell]) -> dict[str, str]:
    """Name the cell that leaves out each training environment; new ones go into ``shared``."""
    own: dict[str, str] = {}
    whole = not divides(units.environment, cell.rows)
    everything = whole and bool((cell.rows | cell.held_out).all())
    for name in cell.train if len(cell.train) > 1 else ():
        mine = units.environment == units.names.index(name)
        held_out, title = cell.rows & mine, f"{cell.name} without {name}"
        if everything:
            # Leaving out a then b is leaving out b then a: one run serves both.
            held_out = held_out | cell.held_out
            title = "without " + " and ".join(sorted({name, *cell.unseen}))
        if title not in shared:
            shared[title] = _cell(units, "inner", title, cell.rows & ~mine, held_out)
        own[name] = title
    return own


def divides(environment: np.ndarray, rows: np.ndarray) -> bool:
    """Whether a mask of rows takes some but not all of an environment; codes are ``(n,)``."""
    sizes = np.bincount(environment)
    taken = np.bincount(environment[rows], minlength=len(sizes))
    return bool(((taken > 0) & (taken < sizes)).any())


def _cell(units: Grouped, role: str, name: str, rows: np.ndarray, held_out: np.ndarray) -> Cell:
    train = _names(units, rows)
    if not train:
        raise UsageError(f"The split {name!r} leaves no environment to train on.")
    slots = min(len(train), MOST_SLOTS)
    return Cell(role, name, rows, 1.0, slots, _names(units, held_out), train, held_out)  # type: ignore[arg-type]


def _names(units: Grouped, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(units.names[k] for k in np.unique(units.environment[rows]))


def mask(rows: np.ndarray, n: int) -> np.ndarray:
    """Turn row numbers into a mask of ``n``."""
    found = np.zeros(n, bool)
    found[rows] = True
    return found
