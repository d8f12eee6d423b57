"""Levels as tables: every state of every level is a row, and acting is looking up the next one.

A level with few states is compiled once into integer arrays: where each action leads, what it earns
and whether it ends the episode, and one observation per state. Thousands of levels are stacked,
padded to the largest. A step is then a gather, an expert is value iteration on all levels together,
and an agent is scored exactly by evaluating it once on all states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError

# Steps of a search to where it never comes.
NEVER = 255


@dataclass(frozen=True, eq=False)
class LevelTables:
    """``L`` levels of at most ``S`` states and ``A`` actions.

    A row may also be one map under one instruction; then the same map is in as many rows.

    Attributes:
        next_state: ``(L, S, A)`` integers, the state that an action leads to; after an end any.
        reward: ``(L, S, A)`` float32, what the action earns.
        end: ``(L, S, A)`` bool, whether the episode ends with the action.
        observation: ``(L, S, *shape)`` what an agent sees, bytes or float32.
        states: ``(L,)`` how many states a level has; the rest of its rows are padding.
        start: ``(L, N)`` states that episodes start in.
        horizon: actions after which an episode is cut off.
        actions: names of the actions.
        factors: ``L`` rows, what levels differ in and can be split by.
        slip: ``(L,)`` chance that a random action is carried out in place of the one chosen.
        discount: of rewards, per action.
        search: ``(L, S, h, w)`` bytes, how many steps a search from the goal takes to every cell
            that is seen, :data:`NEVER` where it never comes; None where the expert does not search.
    """

    next_state: np.ndarray
    reward: np.ndarray
    end: np.ndarray
    observation: np.ndarray
    states: np.ndarray
    start: np.ndarray
    horizon: int
    actions: tuple[str, ...]
    factors: pd.DataFrame
    slip: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))
    discount: float = 0.99
    search: np.ndarray | None = None

    def __post_init__(self) -> None:
        levels, states, actions = self.next_state.shape
        same = self.reward.shape == self.end.shape == self.next_state.shape
        if not same or self.observation.shape[:2] != (levels, states):
            raise UsageError(
                "The arrays of levels do not fit each other: next_state, reward and end are "
                "(levels, states, actions), observation is (levels, states, ...)."
            )
        if len(self.actions) != actions or len(self.factors) != levels:
            raise UsageError(
                f"{levels} levels of {actions} actions need as many rows of factors and as many "
                f"names of actions, not {len(self.factors)} and {len(self.actions)}."
            )
        if self.next_state.min() < 0 or self.next_state.max() >= states:
            raise UsageError(f"next_state holds states beyond the {states} there are.")
        if not np.isfinite(self.reward).all():
            raise UsageError("Some rewards are no finite numbers; mend the level's reward.")
        if (self.start >= self.states[:, None]).any() or self.start.min() < 0:
            raise UsageError("Some levels start in a state that they do not have.")
        if len(self.slip) != levels:
            object.__setattr__(self, "slip", np.broadcast_to(self.slip, (levels,)).copy())

    def __len__(self) -> int:
        return len(self.next_state)

    @cached_property
    def real(self) -> np.ndarray:
        """``(L, S)`` bool, which rows are states and no padding."""
        return np.arange(self.next_state.shape[1]) < self.states[:, None]

    @cached_property
    def goes_on(self) -> np.ndarray:
        """``(L, S, A)`` float32, the discount after an action: 0 where the episode ends."""
        return np.where(self.end, 0.0, self.discount).astype(np.float32)

    @cached_property
    def onward(self) -> np.ndarray:
        """``(L, S, A)`` where each action leads, counted through all states of all levels."""
        levels, states, _ = self.next_state.shape
        return np.arange(levels)[:, None, None] * states + self.next_state

    def at(self, rows: np.ndarray) -> LevelTables:
        """Some of the levels."""
        return LevelTables(
            self.next_state[rows], self.reward[rows], self.end[rows], self.observation[rows],
            self.states[rows], self.start[rows], self.horizon, self.actions,
            self.factors.iloc[rows].reset_index(drop=True), self.slip[rows], self.discount,
            None if self.search is None else self.search[rows],
        )  # fmt: skip

    @cached_property
    def digest(self) -> str:
        """Differs where the content does."""
        found = sha256(f"{self.horizon} {self.discount} {self.actions}".encode())
        for array in (self.next_state, self.reward, self.end, self.observation, self.states):
            found.update(np.ascontiguousarray(array).tobytes())
        for array in (self.start, self.slip):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()
