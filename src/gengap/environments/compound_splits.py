"""Splits by how parts are put together: the parts are seen, their compounds as far as asked for.

Source: Keysers et al., Measuring compositional generalization (2020), arXiv:1912.09713, section 4.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gengap.base.errors import UsageError
from gengap.environments.divergence import (
    ATOMS,
    COMPOUNDS,
    atom_divergence,
    compound_divergence,
)
from gengap.environments.splitter import NamedSplit, Splitter, Table

# Atoms may diverge by so much before it counts, and then it counts so many times over.
MOST, DEAR = 0.02, 10.0
# Examples looked at before each step, and the share by which both sides grow in one.
POOL, GROWTH = 2000, 0.02
# How often another divergence is aimed at to come so near to the one wanted.
TRIES, NEAR = 6, 0.02
FAR = 0.1
TRAIN, UNSEEN, UNUSED = 0, 1, 2


class ByConstituents(Splitter):
    """One split by what examples are made of; subclasses give :meth:`of_counts`."""

    def iterate(self, environments: Any) -> list[NamedSplit]:
        """The split of a problem that says what its examples are made of, or of a table."""
        if hasattr(environments, "constituents"):
            return [self.of_counts(*constituents_of(environments))]
        return super().iterate(environments)

    def _splits(self, table: Table) -> list[NamedSplit]:
        return [self.of_counts(*constituents_of(table))]

    @abstractmethod
    def of_counts(self, atoms: csr_array, compounds: csr_array) -> NamedSplit:
        """The split of examples with ``(n, kinds)`` counts of each."""


@dataclass(frozen=True)
class CompoundDivergence(ByConstituents):
    """One split whose compounds diverge as far as wanted, while atoms have nearly equal shares.

    Both sides grow from nothing, by those examples that bring the divergences nearest to what is
    wanted. Half of the examples are on neither side: they have compounds of both.

    Of a table, columns ``atoms`` and ``compounds`` name those of each row, divided by ``;``.

    Attributes:
        wanted: divergence of compounds, from 0 to 1; None takes the greatest.
        used: share of examples that are on either side.
        unseen: share of these that are unseen.
        seed: decides between examples that are equally good.
    """

    wanted: float | None = None
    used: float = 0.5
    unseen: float = 0.2
    seed: int = 0

    def of_counts(self, atoms: csr_array, compounds: csr_array) -> NamedSplit:
        """The split of examples with ``(n, kinds)`` counts of each.

        Raises:
            UsageError: the divergence is none, or cannot be had.
        """
        if self.wanted is not None and not 0 <= self.wanted <= 1:
            raise UsageError(f"A divergence lies between 0 and 1, not {self.wanted:g}.")
        if atoms.shape[0] * self.used * self.unseen < 2:
            raise UsageError("There are too few examples to split by divergence.")
        wanted = 1.0 if self.wanted is None else self.wanted
        aim, found = wanted, []
        for attempt in range(TRIES):
            side = grown(atoms, compounds, aim, self.used, self.unseen, (self.seed, attempt))
            apart, together = divergences(atoms, compounds, side)
            found.append((abs(together - wanted), attempt, apart, together, side))
            if abs(together - wanted) < NEAR:
                break
            aim = float(np.clip(aim + wanted - together, 0, 1))
        far, _, apart, together, side = min(found, key=lambda one: one[:2])
        if far > FAR and self.wanted is not None:
            raise UsageError(
                f"Compounds of these examples cannot diverge by {wanted:g} with atoms alike; the "
                f"nearest is {together:.2f}."
            )
        name = f"compounds diverge by {together:.2f}, atoms by {apart:.2f}"
        return NamedSplit(name, np.flatnonzero(side == TRAIN), np.flatnonzero(side == UNSEEN))


def constituents_of(examples: Any) -> tuple[csr_array, csr_array]:
    """Counts of what examples are made of and of its compounds, ``(n, kinds)`` each.

    Args:
        examples: a problem that says so itself, or has factors ``atoms`` and ``compounds``.

    Raises:
        UsageError: neither is the case.
    """
    if hasattr(examples, "constituents"):
        own: tuple[csr_array, csr_array] = examples.constituents()
        return own
    if examples.factors is None or not {"atoms", "compounds"} <= set(examples.factors.columns):
        raise UsageError(
            "A split by what is put together needs to know what examples are made of; give columns "
            "called atoms and compounds, parts divided by ';', as --factors atoms,compounds."
        )
    return counted(examples.factors["atoms"]), counted(examples.factors["compounds"])


def counted(column: Any) -> csr_array:
    """How often each kind occurs, ``(n, kinds)``, in texts of kinds divided by ``;``."""
    return counts_of([[w for w in map(str.strip, str(t).split(";")) if w] for t in column])


def counts_of(rows: Any) -> csr_array:
    """How often each kind occurs, ``(n, kinds)``, in rows of any hashable kinds."""
    number: dict[Any, int] = {}
    codes = [number.setdefault(kind, len(number)) for row in rows for kind in row]
    ends = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    counts = csr_array((np.ones(len(codes)), codes, ends), shape=(len(rows), len(number)))
    counts.sum_duplicates()
    return counts


def divergences(atoms: csr_array, compounds: csr_array, side: np.ndarray) -> tuple[float, float]:
    """Divergence of atoms and of compounds between the training and the unseen ``side (n,)``."""
    totals = [
        [np.asarray(counts[side == k].sum(0)).ravel() for k in (TRAIN, UNSEEN)]
        for counts in (atoms, compounds)
    ]
    return atom_divergence(*totals[0]), compound_divergence(*totals[1])


def grown(
    atoms: csr_array,
    compounds: csr_array,
    aim: float,
    used: float,
    unseen: float,
    seed: tuple[int, int],
) -> np.ndarray:
    """The side of each example, ``(n,)``; see :class:`CompoundDivergence`.

    Args:
        atoms, compounds: ``(n, kinds)`` counts.
        aim: divergence of compounds to come near to.
    """
    draw = np.random.default_rng(seed)
    both = atoms, compounds
    side = np.full(atoms.shape[0], UNUSED)
    totals = [np.zeros((2, counts.shape[1])) for counts in both]
    placed = [0, 0]
    while sum(placed) < used * len(side):
        grows = UNSEEN if placed[UNSEEN] < unseen * (sum(placed) + 1) else TRAIN
        left = np.flatnonzero(side == UNUSED)
        some = draw.choice(left, min(POOL, len(left)), replace=False)
        apart, together = (
            _after(counts[some], own, grows, weight)
            for counts, own, weight in zip(both, totals, (ATOMS, COMPOUNDS), strict=True)
        )
        far = np.abs(together - aim) + DEAR * np.maximum(apart - MOST, 0)
        step = min(max(1, int(GROWTH * sum(placed))), int(np.ceil(used * len(side))) - sum(placed))
        chosen = some[np.argsort(far, kind="stable")[:step]]
        side[chosen] = grows
        placed[grows] += len(chosen)
        for counts, own in zip(both, totals, strict=True):
            own[grows] += np.asarray(counts[chosen].sum(0)).ravel()
    return side


def _after(counts: csr_array, totals: np.ndarray, grows: int, weight: float) -> np.ndarray:
    """Divergence once each of ``counts (n, kinds)`` alone joined the side that grows, ``(n,)``.

    Kinds that occur several times in one example are taken to add as much each time.
    """
    powers = weight, 1 - weight
    train, unseen = (own**power for own, power in zip(totals, powers, strict=True))
    own, power = totals[grows], powers[grows]
    other = train if grows == UNSEEN else unseen
    shared = (train * unseen).sum() + counts @ (other * ((own + 1) ** power - own**power))
    scale = np.ones(counts.shape[0])
    for k in (TRAIN, UNSEEN):
        size = totals[k].sum() + (np.asarray(counts.sum(1)).ravel() if grows == k else 0)
        scale = scale * np.maximum(size, 1) ** powers[k]
    return np.asarray(1 - shared / scale)
