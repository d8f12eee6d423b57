"""Acting in compiled levels: exact scores, and copies that all runs step together by gathering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.control.arena import Agent, Policy
from gengap.control.exact import returns
from gengap.control.logs import Logs
from gengap.control.planning import greedy, optimal
from gengap.control.table_episodes import played
from gengap.control.tables import LevelTables
from gengap.methods.practice import Acted, Starts

SCORES = ("success", "return", "normalised return")
# The bits of what comes of an action that say which state it leads to.
STATE = 2**31 - 1


@dataclass(frozen=True, eq=False)
class TableArena:
    """Units in compiled levels.

    Attributes:
        tables: the levels.
        level: ``(n,)`` rows of the tables.
        start: ``(n,)`` states.
    """

    tables: LevelTables
    level: np.ndarray
    start: np.ndarray

    @property
    def has_expert(self) -> bool:
        """The best policy of every level is known."""
        return True

    @property
    def scores_known(self) -> tuple[str, ...]:
        """``success``: the chance to end an episode with a reward; discounted ``return``.

        ``normalised return`` is 0 for the random policy and 1 for the expert, on average over all
        units.
        """
        return SCORES

    @cached_property
    def digest(self) -> str:
        """Differs where levels or starts do."""
        found = sha256(self.tables.digest.encode())
        found.update(np.ascontiguousarray(self.level).tobytes())
        found.update(np.ascontiguousarray(self.start).tobytes())
        return found.hexdigest()

    def scores(self, policy: Policy | Agent, units: np.ndarray, score: str) -> np.ndarray:
        """What a policy of observations reaches, exactly, ``(n,)``; an agent plays for it."""
        if not callable(policy):
            total, won = played(self.tables, policy, self.level[units], self.start[units], units)
            return won if score == "success" else self._on_scale(total, score)
        rows, level = np.unique(self.level[units], return_inverse=True)
        tables = self.tables if len(rows) == len(self.tables) else self.tables.at(rows)
        seen = torch.from_numpy(tables.observation[tables.real])
        answers = policy(seen).numpy()
        wanted = np.zeros(tables.next_state.shape, np.float32)
        wanted[tables.real] = greedy(answers)
        wanted[~tables.real, 0] = 1
        return self.scored(tables, wanted, level, self.start[units], score)

    def expert_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What the best policy reaches, which knows the level's state and not what can be seen."""
        rows, level = np.unique(self.level[units], return_inverse=True)
        tables = self.tables if len(rows) == len(self.tables) else self.tables.at(rows)
        return self.scored(tables, greedy(self.values[rows]), level, self.start[units], score)

    def random_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What is reached, exactly, where every action has the same chance."""
        rows, level = np.unique(self.level[units], return_inverse=True)
        tables = self.tables if len(rows) == len(self.tables) else self.tables.at(rows)
        return self.scored(tables, _even(tables), level, self.start[units], score)

    def logged_returns(self, logs: Logs) -> np.ndarray:
        """Discounted, as returns are."""
        return logs.returns[logs.begins]

    @cached_property
    def values(self) -> np.ndarray:
        """Value of each action under the best policy, ``(L, S, A)``."""
        return optimal(self.tables)

    def scored(
        self, tables: LevelTables, policy: np.ndarray, level: np.ndarray, start: np.ndarray,
        score: str,
    ) -> np.ndarray:  # fmt: skip
        """What a policy ``(L, S, A)`` of chances reaches in rows of the tables, ``(n,)``."""
        if score == "success":
            return returns(self._of_success(tables), policy, level, start)
        return self._on_scale(returns(tables, policy, level, start), score)

    def _on_scale(self, found: np.ndarray, score: str) -> np.ndarray:
        """Returns ``(n,)`` as they are, or normalised."""
        if score == "return":
            return found
        lowest, highest = self._reach
        return (found - lowest) / max(highest - lowest, 1e-9)

    def _of_success(self, tables: LevelTables) -> LevelTables:
        """The same levels where only ending with a reward counts, as 1, whenever it happens."""
        return self._won if tables is self.tables else _won(tables)

    @cached_property
    def _won(self) -> LevelTables:
        return _won(self.tables)

    @cached_property
    def _reach(self) -> tuple[float, float]:
        """Mean return of the random policy and of the expert."""
        everywhere = np.arange(len(self.level))
        lowest = returns(self.tables, _even(self.tables), self.level, self.start)
        return float(lowest.mean()), float(self.expert_scores(everywhere, "return").mean())

    def practice(
        self, units: Sequence[np.ndarray], draws: Sequence[np.random.Generator], count: int
    ) -> TablePractice:
        """``count`` copies per run, each in a start of one of the run's units."""
        return TablePractice(self, units, list(draws), count)


def _even(tables: LevelTables) -> np.ndarray:
    return np.full(tables.next_state.shape, 1 / len(tables.actions), np.float32)


def _won(tables: LevelTables) -> LevelTables:
    won = (tables.end & (tables.reward > 0)).astype(np.float32)
    return replace(tables, reward=won, discount=1.0)


class TablePractice:
    """Copies of compiled levels; see :class:`gengap.methods.practice.Practice`.

    A copy is the number of its state among those of all levels. Where an action leads and whether
    it ends the episode is one number of 32 bits: stepping is a gather of these, one of rewards and
    one of what is seen, which is handed out as the tables have it, bytes as bytes.
    """

    def __init__(
        self,
        arena: TableArena,
        units: Sequence[np.ndarray],
        draws: list[np.random.Generator],
        count: int,
    ) -> None:
        tables = arena.tables
        self.draws, self.discount, self.horizon = draws, tables.discount, tables.horizon
        self.starts = Starts(units, draws, count)
        _, states, self.actions = tables.next_state.shape
        self.moves = _packed(tables)
        self.rewards = torch.from_numpy(tables.reward.astype(np.float32).ravel())
        flat = tables.observation.reshape(-1, *tables.observation.shape[2:])
        self.observation = torch.from_numpy(flat)
        begins = arena.level.astype(np.int64) * states + arena.start
        self.begins = torch.from_numpy(begins.astype(np.int32))
        self.slip = torch.from_numpy(tables.slip.repeat(states))
        self.slips = bool(tables.slip.any())
        self.at = torch.zeros((len(units), count), dtype=torch.int32)
        # Actions taken so far, and after how many of them each copy is cut off.
        self.taken, self.until = 0, torch.zeros(self.at.shape, dtype=torch.int32)
        every = torch.ones(self.at.shape, dtype=torch.bool)
        self._restart(every, torch.arange(every.numel()))
        self.x = self._shown(self.observation.index_select(0, self.at.flatten()))

    def act(self, action: Tensor) -> Acted:
        """Carry out one action ``(R, n)`` in every copy."""
        if self.slips:
            action = self._slipped(action)
        place = torch.add(action, self.at, alpha=self.actions).flatten()
        moved = self.moves.index_select(0, place).view(self.at.shape)
        reward = self.rewards.index_select(0, place).view(self.at.shape)
        end = moved < 0
        self.at = moved & STATE
        self.taken += 1
        over = end | (self.until <= self.taken)
        seen = self.observation.index_select(0, self.at.flatten())
        begun, last = over.flatten().nonzero()[:, 0], None
        if len(begun):
            last = self._shown(seen.clone())
            at = self._restart(over, begun)
            seen.index_copy_(0, begun, self.observation.index_select(0, at))
        self.x = self._shown(seen)
        return Acted(reward, end, over ^ end, self.x if last is None else last, self.x)

    def _shown(self, seen: Tensor) -> Tensor:
        """Observations of all copies ``(R n, *shape)`` as they are handed out."""
        return seen.view(*self.at.shape, *seen.shape[1:])

    def _restart(self, over: Tensor, begun: Tensor) -> Tensor:
        """Put the copies of a mask ``(R, n)`` at starts drawn from their run's own units.

        Args:
            over: the mask.
            begun: ``(m,)`` the numbers of its copies, counted through all runs.

        Returns:
            ``(m,)`` the states that they begin in.
        """
        at = self.begins.index_select(0, torch.from_numpy(self.starts.begun(over.numpy())))
        self.at.view(-1).index_copy_(0, begun, at)
        self.until.view(-1).index_fill_(0, begun, self.taken + self.horizon)
        return at

    def _slipped(self, action: Tensor) -> Tensor:
        """Actions as they are carried out; where a run slips, any is."""
        drawn = np.stack([draw.random((2, action.shape[1])) for draw in self.draws])
        slips = torch.from_numpy(drawn[:, 0]) < self.slip[self.at]
        other = torch.from_numpy((drawn[:, 1] * self.actions).astype(np.int64))
        return torch.where(slips, other, action)


def _packed(tables: LevelTables) -> Tensor:
    """``(L S A,)`` int32, what comes of each action.

    The number of the state it leads to, counted through all levels, with the highest bit set where
    the episode ends.

    Raises:
        UsageError: there are more states than 31 bits count.
    """
    levels, states, _ = tables.next_state.shape
    if levels * states > STATE:
        raise UsageError(f"{levels} levels of {states} states are too many; make fewer levels.")
    packed = tables.end.astype(np.uint32) << 31 | tables.onward.astype(np.uint32)
    return torch.from_numpy(packed.view(np.int32).ravel())
