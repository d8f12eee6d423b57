"""Logged data: transitions of episodes, each four numbers that point into a shared table of views.

A transition is an observation before, an action, a reward, and an observation after. Observations
are rows of one matrix, so a transition that is logged twice costs a few numbers. Compiled levels
point into the observations of their states; logs of a real simulator hold one row per time step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from gengap.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class Logs:
    """``T`` transitions of ``n`` units, in the order of units and of time.

    Attributes:
        observations: ``(M, *shape)`` bytes or float32.
        unit: ``(T,)`` the unit, which is one episode, that each transition belongs to; ascending.
        before: ``(T,)`` rows of ``observations``.
        action: ``(T,)`` integers, or ``(T, A)`` float32 between -1 and 1.
        reward: ``(T,)`` float32.
        after: ``(T,)`` rows of ``observations``; where the episode ended, any.
        end: ``(T,)`` bool, whether the episode ended there, which a cut by time does not count as.
        discount: of rewards, per action.
        search: ``(M, h, w)`` bytes, the search behind what an expert does at each observation
            (:class:`~gengap.control.tables.LevelTables`); None where there is none. It follows from
            the levels, so it does not count as content of its own.
    """

    observations: np.ndarray
    unit: np.ndarray
    before: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    after: np.ndarray
    end: np.ndarray
    discount: float = 0.99
    search: np.ndarray | None = None

    def __post_init__(self) -> None:
        lengths = {len(v) for v in (self.unit, self.before, self.action, self.reward, self.after)}
        if lengths != {len(self.end)}:
            raise UsageError("The columns of a log differ in length.")
        if not len(self.unit):
            raise UsageError("The log holds no transition.")
        if (np.diff(self.unit) < 0).any():
            raise UsageError("The transitions of a log must be in the order of their units.")
        if not np.isfinite(self.reward).all():
            raise UsageError(
                f"{int((~np.isfinite(self.reward)).sum())} rewards of the log are no finite "
                "numbers; mend or drop those episodes."
            )

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def discrete(self) -> bool:
        """Whether actions are numbered, not vectors."""
        return self.action.ndim == 1

    @cached_property
    def returns(self) -> np.ndarray:
        """``(T,)`` float32, the discounted return from each transition to its unit's last."""
        found = self.reward.astype(np.float32).copy()
        last = np.flatnonzero(np.diff(self.unit, append=self.unit[-1] + 1))
        lengths = np.diff(last, prepend=-1)
        # All episodes at once, backwards; the longest decides how often.
        for back in range(1, int(lengths.max())):
            place = last[lengths > back] - back
            found[place] += self.discount * found[place + 1]
        return found

    @cached_property
    def begins(self) -> np.ndarray:
        """``(n,)`` the number of the first transition of each unit."""
        return np.flatnonzero(np.diff(self.unit, prepend=self.unit[0] - 1))

    @property
    def totals(self) -> np.ndarray:
        """``(n,)`` the sum of each unit's rewards."""
        return np.add.reduceat(self.reward, self.begins)

    @cached_property
    def first(self) -> np.ndarray:
        """``(T,)`` int32, the number of the first transition of each transition's unit."""
        lengths = np.diff(self.begins, append=len(self))
        return np.repeat(self.begins, lengths).astype(np.int32)

    def lengths(self, units: np.ndarray) -> np.ndarray:
        """How many transitions some units have."""
        return np.searchsorted(self.unit, units, side="right") - np.searchsorted(self.unit, units)

    def transitions(self, units: np.ndarray) -> np.ndarray:
        """Numbers of the transitions of some units, ascending within each."""
        first, count = np.searchsorted(self.unit, units), self.lengths(units)
        offset = np.repeat(np.cumsum(count) - count, count)
        return np.arange(count.sum()) - offset + np.repeat(first, count)

    @cached_property
    def digest(self) -> str:
        """Differs where the content does."""
        found = sha256(f"{self.discount}".encode())
        columns: Sequence[np.ndarray] = (
            self.observations, self.unit, self.before, self.action, self.reward, self.after,
            self.end,
        )  # fmt: skip
        for column in columns:
            found.update(np.ascontiguousarray(column).tobytes())
        return found.hexdigest()
