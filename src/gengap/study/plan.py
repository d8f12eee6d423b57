"""From splits, methods, seeds and trials to the list of runs, before anything is trained.

For every split the plan holds the ``unseen`` run, trained on the split's own environments. One
``reference`` run, trained on as many examples drawn from all environments, serves every split of
about the same size. With model selection across environments, ``inner`` runs leave one more
training environment out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.parts import TEST, TRAIN, VALIDATION, parts
from gengap.environments.splits import NamedSplit
from gengap.records.run import ExampleSet, Role, Run

# A reference serves splits whose training sets differ from each other by less than this share.
SIZE_TOLERANCE = 0.1
# More environments than this are sampled anew at every step rather than all put in each batch.
MOST_SLOTS = 16


@dataclass(frozen=True)
class Cell:
    """What is trained for a split, whatever the method: a role and the rows it may use.

    Attributes:
        role: ``unseen``, ``reference`` or ``inner``.
        name: the split's name, or the reference's.
        rows: ``(n,)`` mask of the rows to draw the training part from.
        fraction: share of each environment's training part to use.
        slots: environments per batch.
        unseen: names of the environments held out.
        train: names of the environments trained on.
        held_out: ``(n,)`` mask of the rows it is scored on as unseen, empty for a reference.
    """

    role: Role
    name: str
    rows: np.ndarray
    fraction: float
    slots: int
    unseen: tuple[str, ...]
    train: tuple[str, ...]
    held_out: np.ndarray


@dataclass
class Layout:
    """Splits of a problem with their references, and the parts of each seed."""

    environments: Environments
    splits: Sequence[NamedSplit]
    inner: bool = False
    _parts: dict[int, np.ndarray] = field(default_factory=dict)

    @cached_property
    def unseen(self) -> list[Cell]:
        """One cell per split."""
        n = len(self.environments)
        return [
            self._cell("unseen", s.name, mask(s.train, n), mask(s.unseen, n)) for s in self.splits
        ]

    @cached_property
    def references(self) -> dict[str, Cell]:
        """The reference cell of each split, by the split's name; splits of equal size share one."""
        found: dict[str, Cell] = {}
        groups: list[tuple[np.ndarray, int, int, list[NamedSplit]]] = []
        for split in sorted(self.splits, key=lambda s: len(s.train)):
            union = mask(split.train, len(self.environments)) | mask(
                split.unseen, len(self.environments)
            )
            slots = min(len(np.unique(self.environments.environment[split.train])), MOST_SLOTS)
            for rows, size, width, members in groups:
                close = len(split.train) <= size * (1 + SIZE_TOLERANCE)
                if close and width == slots and np.array_equal(rows, union):
                    members.append(split)
                    break
            else:
                groups.append((union, len(split.train), slots, [split]))
        nothing = np.zeros(len(self.environments), bool)
        for number, (union, _, slots, members) in enumerate(groups):
            fraction = float(np.mean([len(s.train) for s in members]) / union.sum())
            name = "reference" if len(groups) == 1 else f"reference {number + 1}"
            own = self._names(union)
            cell = Cell("reference", name, union, fraction, slots, (), own, nothing)
            found.update({s.name: cell for s in members})
        return found

    @cached_property
    def inner_cells(self) -> dict[str, dict[str, Cell]]:
        """For each split, the cell that leaves out each of its training environments."""
        if not self.inner:
            return {}
        shared: dict[str, Cell] = {}
        cells: dict[str, dict[str, Cell]] = {}
        codes = self.environments.environment
        for cell in self.unseen:
            own: dict[str, Cell] = {}
            everything = bool((cell.rows | cell.held_out).all()) and not self.divides(cell.rows)
            for name in cell.train if len(cell.train) > 1 else ():
                mine = codes == self.environments.names.index(name)
                held_out, title = cell.rows & mine, f"{cell.name} without {name}"
                if everything:
                    # Leaving out a then b is leaving out b then a: one run serves both.
                    held_out = held_out | cell.held_out
                    title = "without " + " and ".join(sorted({name, *cell.unseen}))
                if title not in shared:
                    shared[title] = self._cell("inner", title, cell.rows & ~mine, held_out)
                own[name] = shared[title]
            cells[cell.name] = own
        return cells

    def cells(self) -> list[Cell]:
        """All distinct cells, references first."""
        every = [*self.references.values(), *self.unseen]
        for own in self.inner_cells.values():
            every.extend(own.values())
        return list({(c.role, c.name): c for c in every}.values())

    def parts(self, seed: int) -> np.ndarray:
        """Part codes ``(n,)`` under a seed."""
        if seed not in self._parts:
            e = self.environments
            self._parts[seed] = parts(e.environment, e.y, len(e.classes), seed)
        return self._parts[seed]

    def training_overlap(self, seeds: Sequence[int]) -> float:
        """Share of the training rows that two seeds have in common, on average over their pairs.

        0 for a single seed.
        """
        train = np.array([self.parts(seed) == TRAIN for seed in seeds], dtype=np.float64)
        if len(train) < 2:
            return 0.0
        shared = train @ train.T
        sizes = np.sqrt(np.outer(np.diag(shared), np.diag(shared)))
        pairs = ~np.eye(len(train), dtype=bool)
        return float(np.mean((shared / sizes)[pairs]))

    def training_rows(self, cell: Cell, seed: int) -> tuple[np.ndarray, ...]:
        """Row numbers per training environment."""
        usable = cell.rows & (self.parts(seed) == TRAIN)
        codes = self.environments.environment
        rows: list[np.ndarray] = []
        for k in np.unique(codes[usable]):
            own = np.flatnonzero(usable & (codes == k))
            if cell.fraction < 1:
                draw = generator(seed, "subsample", cell.name, self.environments.names[k])
                keep = max(1, round(cell.fraction * len(own)))
                own = np.sort(draw.permutation(own)[:keep])
            rows.append(own.astype(np.int32))
        return tuple(rows)

    def example_set(self, seed: int, part: str) -> ExampleSet:
        """The examples scored under a seed, ordered by environment, then by row."""
        code = TEST if part == "test" else VALIDATION
        rows = np.flatnonzero(self.parts(seed) == code)
        rows = rows[np.argsort(self.environments.environment[rows], kind="stable")]
        e = self.environments
        return ExampleSet(rows.astype(np.int32), e.environment[rows].astype(np.int16), e.y[rows])

    def divides(self, rows: np.ndarray) -> bool:
        """Whether a mask of rows takes some but not all of an environment."""
        taken = np.bincount(
            self.environments.environment[rows], minlength=len(self.environments.names)
        )
        return bool(((taken > 0) & (taken < self.environments.sizes)).any())

    def _cell(self, role: Role, name: str, rows: np.ndarray, held_out: np.ndarray) -> Cell:
        train = self._names(rows)
        if not train:
            raise UsageError(f"The split {name!r} leaves no environment to train on.")
        slots = min(len(train), MOST_SLOTS)
        return Cell(role, name, rows, 1.0, slots, self._names(held_out), train, held_out)

    def _names(self, rows: np.ndarray) -> tuple[str, ...]:
        return tuple(
            self.environments.names[k] for k in np.unique(self.environments.environment[rows])
        )


def mask(rows: np.ndarray, n: int) -> np.ndarray:
    """Turn row numbers into a mask of ``n``."""
    found = np.zeros(n, bool)
    found[rows] = True
    return found


def runs_of(
    layout: Layout,
    problem: str,
    method: str,
    trials: Sequence[Mapping[str, Any]],
    model: str,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
) -> Iterator[tuple[Run, Cell]]:
    """List a method's runs in a fixed order: cells, then seeds, then trials."""
    for cell in layout.cells():
        own: dict[str, Any] = {"fraction": round(cell.fraction, 6), "slots": cell.slots}
        if layout.divides(cell.rows):
            # Names of environments do not tell which of their rows a split trains on.
            own["rows"] = hashlib.sha256(np.packbits(cell.rows).tobytes()).hexdigest()[:16]
        for seed in seeds:
            for trial, hyperparameters in enumerate(trials):
                yield (
                    Run(
                        problem=problem,
                        method=method,
                        hyperparameters=hyperparameters,
                        model=model,
                        role=cell.role,
                        split=cell.name,
                        train_environments=cell.train,
                        unseen_environments=cell.unseen,
                        seed=seed,
                        trial=trial,
                        settings={**settings, **own},
                    ),
                    cell,
                )
