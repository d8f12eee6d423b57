"""What the records know of a study: its units, its splits, its plan, and its executions.

With these and the outcomes of its runs, every figure of a study is computed again without the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from gengap.base.printable import masked
from gengap.records.run import Role, plain


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a problem, in the order of its rows.

    Attributes:
        environment: ``(n,)`` environment codes.
        target: ``(n,)`` class codes (int64) or values (float64).
        factors: further columns ``(n,)`` by name, float64 or text (objects).
    """

    environment: np.ndarray
    target: np.ndarray
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.environment)


@dataclass(frozen=True, eq=False)
class Cell:
    """What is trained for a split, whatever the method: a role and the rows it may use.

    Attributes:
        role: ``unseen``, ``reference``, ``inner`` or ``sized``.
        name: the split's name, or the reference's.
        rows: ``(n,)`` mask of the rows to draw the training part from.
        fraction: share of each environment's training part to use.
        slots: environments per batch.
        unseen: names of the environments held out.
        train: names of the environments trained on.
        held_out: ``(n,)`` mask of the rows it is scored on as unseen, empty for a reference.
        reference: of an unseen cell, the name of its reference; of a sized one, that of the sized
            cell which is its reference.
        inner: of an unseen cell, by training environment the cell that leaves it out as well.
    """

    role: Role
    name: str
    rows: np.ndarray
    fraction: float
    slots: int
    unseen: tuple[str, ...]
    train: tuple[str, ...]
    held_out: np.ndarray
    reference: str = ""
    inner: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StudyRecord:
    """A study as it was planned.

    Attributes:
        name: what it is called.
        problem: fingerprint of its data.
        content: everything else that reading it needs, JSON values.
        cells: its splits, with their references.
    """

    name: str
    problem: str
    content: Mapping[str, Any]
    cells: tuple[Cell, ...]

    @cached_property
    def key(self) -> str:
        """SHA-256 of the whole plan; the same study planned again has the same key."""
        found = hashlib.sha256()
        head = [self.name, self.problem, plain(self.content, "content")]
        found.update(json.dumps(head, sort_keys=True, allow_nan=False).encode())
        for cell in self.cells:
            own = [cell.role, cell.name, cell.fraction, cell.slots, cell.reference]
            found.update(json.dumps([*own, dict(cell.inner)], sort_keys=True).encode())
            found.update(np.packbits(cell.rows).tobytes())
            found.update(np.packbits(cell.held_out).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Execution:
    """That a study was carried out to its end.

    Attributes:
        study: the study's key.
        finished: when, in UTC.
        command: what the user typed, but for passwords, or empty.
        versions: the packages it was carried out with.
        warnings: sentences about the data, those of most consequence first; a
            :class:`~gengap.base.errors.Caveat` changes what the answer means.
        skipped: methods that could not run, with the reason.
        source: where the data and the options came from: keys of a study file, the path absolute
            and passwords masked; empty of a study that was made in Python.
    """

    study: str
    finished: datetime
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Records that were written otherwise are masked when they are read.
        object.__setattr__(self, "command", masked(self.command))
