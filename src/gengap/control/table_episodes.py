"""Episodes of agents in compiled levels, for those who remember: all are played in lockstep.

What an agent that remembers does in a state depends on how it got there, so its future cannot be
looked up. Where actions are carried out as chosen, one episode from a start is the only one there
is, and its score is exact; on slippery levels several are played and averaged. Slips, and choices
between equal preferences, are drawn by the start's number and the step's, the same for every agent.
"""

from __future__ import annotations

import numpy as np
import torch

from gengap.base.seeds import generator
from gengap.control.arena import Agent
from gengap.control.planning import greedy
from gengap.control.tables import LevelTables

# Episodes from a start where actions may slip.
EPISODES = 10
# Copies that are played at once; bounds what agents remember.
COPIES = 16_384


def played(
    tables: LevelTables, agent: Agent, level: np.ndarray, start: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Discounted return and share of successes from each start, ``(n,)`` float32 each.

    Args:
        level: ``(n,)`` rows of the tables.
        start: ``(n,)`` states.
        numbers: ``(n,)`` what the starts' draws are told apart by.
    """
    found: list[list[np.ndarray]] = []
    for turn in range(EPISODES if tables.slip.any() else 1):
        parts = [
            _episodes(tables, agent, level[own], start[own], numbers[own], turn)
            for own in np.split(np.arange(len(level)), range(COPIES, len(level), COPIES))
        ]
        found.append([np.concatenate(part) for part in zip(*parts, strict=True)])
    mean = np.array(found).mean(0)
    return mean[0], mean[1]


def _episodes(
    tables: LevelTables,
    agent: Agent,
    level: np.ndarray,
    start: np.ndarray,
    numbers: np.ndarray,
    turn: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return and success of one episode from each start."""
    total, won = np.zeros(len(level), np.float32), np.zeros(len(level), np.float32)
    worth = np.ones(len(level), np.float32)
    going, state = np.arange(len(level)), start.astype(np.int64)
    actions, slips = len(tables.actions), bool(tables.slip.any())
    agent.begin(len(level))
    for step in range(tables.horizon):
        at = level[going]
        seen = torch.from_numpy(tables.observation[at, state])
        chosen = greedy(agent.answer(seen, going).numpy())
        chance = generator(step, "play", turn).random((int(numbers.max()) + 1, 3), np.float32)
        own = chance[numbers[going]]
        action = (chosen.cumsum(-1) > own[:, :1]).argmax(-1)
        done = action
        if slips:
            other = (own[:, 2] * actions).astype(np.int64)
            done = np.where(own[:, 1] < tables.slip[at], other, action)
        place = at, state, done
        reward, end = tables.reward[place], tables.end[place]
        total[going] += worth[going] * reward
        won[going] = end & (reward > 0)
        agent.note(action, reward)
        worth[going] *= tables.goes_on[place]
        state = tables.next_state[place].astype(np.int64)[~end]
        going = going[~end]
        if not len(going):
            break
    return total, won
