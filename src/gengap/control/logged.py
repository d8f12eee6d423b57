"""Episodes that somebody logged, as they come from files: before any level or simulator is known.

Observations are kept as the simulator shows them, part by part, and actions as it takes them, so
that the same log can be written again and read by others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.paths import existing
from gengap.control import log_tables

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Logged:
    """``E`` episodes of ``T`` actions in all, one after the other.

    Attributes:
        parts: observations by the name of their part (empty where there is one only), ``M`` rows
            each: what was seen before each action, and where it is known what was seen at the end.
        seen: ``(E,)`` rows of each episode, as many as its actions or one more.
        steps: ``(E,)`` actions of each episode.
        action: ``(T, ...)``.
        reward: ``(T,)``.
        terminated: ``(T,)`` bool, whether the episode ended there by itself.
        truncated: ``(T,)`` bool, whether it was cut off there.
        level: ``(E,)`` names of levels.
        instruction: ``(E,)`` instructions; None where there are none.
        player: ``(E,)`` who played; None where that is not known.
        episode: ``(E,)`` what to call each in a sentence.
        provenance: how the log was made.
        notes: sentences about it.
    """

    parts: Mapping[str, np.ndarray]
    seen: np.ndarray
    steps: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    level: np.ndarray
    instruction: np.ndarray | None = None
    player: np.ndarray | None = None
    episode: np.ndarray = field(default_factory=lambda: np.zeros(0, object))
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.level) or not len(self.reward):
            raise UsageError("The logs hold no episode; log some play first (gengap collect).")
        if not len(self.episode):
            object.__setattr__(self, "episode", np.arange(len(self)).astype(object))
        self._check_rewards()
        unmarked = self._check_ends()
        if unmarked:
            said = (
                f"{unmarked:,} of {len(self):,} logged episodes end neither terminated nor "
                "truncated; they are taken as cut off there, not as having ended."
            )
            object.__setattr__(self, "notes", (*self.notes, said))

    def __len__(self) -> int:
        return len(self.level)

    @cached_property
    def first(self) -> np.ndarray:
        """``(E,)`` the first action of each episode."""
        return np.cumsum(self.steps) - self.steps

    @cached_property
    def first_seen(self) -> np.ndarray:
        """``(E,)`` the first row of each episode's observations."""
        return np.cumsum(self.seen) - self.seen

    def _where(self, step: int) -> str:
        """A step in words."""
        episode = int(np.searchsorted(self.first, step, side="right")) - 1
        return f"step {step - self.first[episode]} of episode {self.episode[episode]}"

    def _check_rewards(self) -> None:
        wrong = np.flatnonzero(~np.isfinite(self.reward))
        if len(wrong):
            many = "One logged reward is no finite number"
            if len(wrong) > 1:
                many = f"{len(wrong):,} logged rewards are no finite numbers"
            raise UsageError(
                f"{many}, the first at {self._where(int(wrong[0]))} in level "
                f"{self.level[np.searchsorted(self.first, wrong[0], side='right') - 1]}; mend or "
                "drop those episodes."
            )

    def _check_ends(self) -> int:
        """How many episodes end without a mark; one that goes on after its end is refused."""
        over = self.terminated | self.truncated
        last = np.zeros(len(over), bool)
        last[self.first + self.steps - 1] = True
        early = np.flatnonzero(over & ~last)
        if len(early):
            raise UsageError(
                f"An episode goes on after it was over, at {self._where(int(early[0]))}; give "
                "each episode a number of its own."
            )
        return int((last & ~over).sum())

    @cached_property
    def returns(self) -> np.ndarray:
        """``(E,)`` sums of rewards."""
        return np.add.reduceat(self.reward.astype(np.float64), self.first)

    @classmethod
    def read(cls, paths: str | Path | Sequence[str | Path]) -> Logged:
        """Episodes from Parquet or CSV files, folders of them, or a Minari data set.

        Raises:
            UsageError: nothing is there, or it cannot be read as episodes.
        """
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        found = [existing(path) for path in given]
        if len(found) == 1 and log_tables.is_minari(found[0]):
            return cls.from_minari(found[0])
        return cls(**log_tables.read_tables(found))

    @classmethod
    def from_minari(cls, given: str | Path, level: str | Sequence[Any] = "level") -> Logged:
        """Episodes of a Minari data set on this machine; nothing is ever downloaded.

        Args:
            given: its folder, or its id below ``MINARI_DATASETS_PATH``.
            level: what the episodes' metadata call the level (``seed`` where there is no such
                entry), or the level of each episode.

        Raises:
            UsageError: it is not there, cannot be read, or does not say what level was played.
        """
        from gengap.control.minari_logs import read_minari

        return cls(**read_minari(given, level))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Logged:
        """Episodes from a table with a row for each action; see docs/control.md for its columns.

        Raises:
            UsageError: a column is missing, or cannot be used.
        """
        return cls(**log_tables.episodes_of(log_tables.columns_of(frame), "The table"))

    def to_parquet(self, path: str | Path) -> Path:
        """Write the episodes into one Parquet file, whole or not at all."""
        return log_tables.write_parquet(self, Path(path))

    def to_minari(self, path: str | Path, simulator: Any = None) -> Path:
        """Write the episodes as a Minari data set, whole or not at all.

        Args:
            path: its folder, which must not exist.
            simulator: an environment whose spaces it gets; without one they are those that the
                logged numbers lie in.
        """
        from gengap.control.minari_logs import write_minari

        return write_minari(self, Path(path), simulator)

    def only(self, episodes: np.ndarray) -> Logged:
        """Some of the episodes, in a given order."""
        steps = spans(self.first[episodes], self.steps[episodes])
        rows = spans(self.first_seen[episodes], self.seen[episodes])
        return replace(
            self,
            parts={path: own[rows] for path, own in self.parts.items()},
            seen=self.seen[episodes],
            steps=self.steps[episodes],
            action=self.action[steps],
            reward=self.reward[steps],
            terminated=self.terminated[steps],
            truncated=self.truncated[steps],
            level=self.level[episodes],
            instruction=None if self.instruction is None else self.instruction[episodes],
            player=None if self.player is None else self.player[episodes],
            episode=self.episode[episodes],
            notes=(),
        )


def spans(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """``first[0], first[0] + 1, ...`` of each span, one after the other."""
    offset = np.repeat(np.cumsum(count) - count, count)
    return np.arange(count.sum()) - offset + np.repeat(first, count)
