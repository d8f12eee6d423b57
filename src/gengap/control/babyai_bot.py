"""BabyAI's own bot, who plays levels in the simulator without looking beyond what it has seen.

The bot plans from what an agent would have seen so far (M. Chevalier-Boisvert et al. 2019, BabyAI,
arXiv:1810.08272), so that it explores where value iteration already knows the way. It plays in the
simulator itself; its actions are then followed through the compiled levels.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.control.minigrid import ACTIONS, made
from gengap.control.tables import LevelTables


def bot_actions(
    task: str, seeds: Sequence[int], tables: LevelTables, level: np.ndarray, start: np.ndarray
) -> list[np.ndarray]:
    """What the bot does from each start, until the episode is over or it gives up.

    Args:
        task: a task of BabyAI's.
        seeds: ``L``, of the levels.
        tables: the same levels, compiled; their first state is where MiniGrid starts.
        level: ``(n,)`` rows of the tables.
        start: ``(n,)`` states.

    Raises:
        UsageError: the task has no instruction that the bot could read.
    """
    env = made(task)
    ways = {row: _ways(tables.next_state[row], tables.end[row]) for row in set(level.tolist())}
    found = []
    for row, state in zip(level.tolist(), start.tolist(), strict=True):
        with contextlib.redirect_stdout(io.StringIO()):  # BabyAI prints what it rejects
            env.reset(seed=seeds[row])
        if not hasattr(env, "instrs"):
            raise UsageError(
                f"{task} has no instruction that BabyAI's bot could read; choose a task of "
                "BabyAI's, or data=expert."
            )
        for action in _way(ways[row], state):
            env.step(action)
        env.step_count, env.max_steps = 0, tables.horizon
        found.append(_bot_plays(env))
    return found


def _bot_plays(env: Any) -> np.ndarray:
    """The actions of one episode from where the simulator is."""
    from minigrid.utils.baby_ai_bot import BabyAIBot, DisappearedBoxError

    done, over, bot = [], False, BabyAIBot(env)
    while not over:
        try:
            action = int(bot.replan())
        except (AssertionError, DisappearedBoxError):  # how the bot says that it is at a loss
            action = ACTIONS.index("done")
        done.append(action)
        _, _, end, cut, _ = env.step(action)
        over = end or cut or action == ACTIONS.index("done")
    return np.array(done)


def _ways(next_state: np.ndarray, end: np.ndarray) -> np.ndarray:
    """``(S, 2)`` the state and action before each state on a shortest way from the first; -1."""
    before = np.full((len(next_state), 2), -1)
    reached, new = np.arange(len(next_state)) == 0, np.array([0])
    while len(new):
        state, action = np.nonzero(~end[new])
        to, first = np.unique(next_state[new[state], action], return_index=True)
        fresh = ~reached[to]
        to, first = to[fresh], first[fresh]
        before[to] = np.stack([new[state[first]], action[first]], 1)
        reached[to], new = True, to
    return before


def _way(before: np.ndarray, state: int) -> list[int]:
    """The actions that lead from the first state to another."""
    found: list[int] = []
    while state:
        state, action = map(int, before[state])
        found.append(action)
    return found[::-1]
