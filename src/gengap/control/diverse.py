"""Several ways to the same reward, of which one may still work where the level has changed.

A level's best policy fails where something new stands in its way. Kumar, Kumar, Levine & Finn (One
solution is not all you need, 2020, arXiv:2010.14484) learn several policies in one level, each
rewarded for states that tell it from the others, but only while what it reaches is near the best;
where the level has changed each is tried for an episode, and the best is kept. In a compiled level
this needs no learning. The first policy is the best one; each further one maximises

    r(s, a) - α n(s'),    n(s') the share of earlier policies that come through s',

for the largest ``α`` of 1, ½, ¼ ... 1/128 with which its return is at least ``(1 - ε)`` of the best
one's, and is the best one again where none is so small. The source trains all policies together,
with a discriminator in the place of the count.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.control.exact import returns
from gengap.control.planning import greedy, optimal
from gengap.control.tables import LevelTables

WEIGHTS = tuple(2.0**-power for power in range(8))


def diverse_policies(
    tables: LevelTables, start: np.ndarray, count: int, tolerance: float = 0.1
) -> np.ndarray:
    """What each of ``count`` policies does in each state of each level, ``(count, L, S)``.

    Args:
        tables: levels whose actions do not slip.
        start: ``(L,)`` where each level's episodes start.
        count: of policies.
        tolerance: ``ε``, the share of the best return that a policy may miss.

    Raises:
        UsageError: some action slips.
    """
    check_whole(1, count=count)
    if tables.slip.any():
        raise UsageError("Ways through a level are told apart where no action slips.")
    first = optimal(tables).argmax(-1)
    enough = (1 - tolerance) * reached(tables, first, start)
    found, used = [first], [visited(tables, first, start)]
    for _ in range(count - 1):
        toll = np.mean(used, 0, dtype=np.float32).ravel().take(tables.onward)
        found.append(_other(tables, start, first, toll, enough))
        used.append(visited(tables, found[-1], start))
    return np.stack(found)


def _other(
    tables: LevelTables, start: np.ndarray, first: np.ndarray, toll: np.ndarray, enough: np.ndarray
) -> np.ndarray:
    """The policy that avoids the toll ``(L, S, A)`` most while it reaches enough."""
    chosen, left = first.copy(), np.ones(len(tables), bool)
    for weight in WEIGHTS:
        reward = tables.reward - np.float32(weight) * toll
        action = optimal(replace(tables, reward=reward)).argmax(-1)
        own = left & (reached(tables, action, start) >= enough)
        chosen[own] = action[own]
        left &= ~own
        if not left.any():
            break
    return chosen


def equal_policies(tables: LevelTables, count: int, draws: np.random.Generator) -> np.ndarray:
    """Best policies that differ by chance alone, where several actions are as good."""
    even = greedy(optimal(tables)) > 0
    return np.stack([(even * draws.random(even.shape)).argmax(-1) for _ in range(count)])


def reached(tables: LevelTables, action: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Discounted return ``(L,)`` of policies ``(L, S)`` from each level's start."""
    policy = np.eye(len(tables.actions), dtype=np.float32)[action]
    return returns(tables, policy, np.arange(len(tables)), start)


def visited(tables: LevelTables, action: np.ndarray, start: np.ndarray) -> np.ndarray:
    """``(L, S)`` bool, the states that policies ``(L, S)`` come through on their way."""
    found = np.zeros(action.shape, bool)
    level, state = np.arange(len(tables)), start.copy()
    for _ in range(tables.horizon):
        found[level, state] = True
        place = level, state, action[level, state]
        on = ~tables.end[place]
        level, state = level[on], tables.next_state[place][on].astype(start.dtype)
        if not len(level):
            break
    return found


def blocked(tables: LevelTables, cell: np.ndarray) -> LevelTables:
    """The levels with something in the way: an action that led to ``cell (L,)`` leads nowhere."""
    into = tables.next_state == cell[:, None, None]
    own = np.arange(tables.next_state.shape[1])[None, :, None]
    stays = np.where(into, own, tables.next_state).astype(tables.next_state.dtype)
    return replace(
        tables, next_state=stays, reward=np.where(into, np.float32(0), tables.reward),
        end=tables.end & ~into,
    )  # fmt: skip
