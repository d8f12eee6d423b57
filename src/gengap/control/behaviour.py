"""Who played when the log was written, and the logs of compiled levels.

``expert`` takes the best action, ``random`` any. ``suboptimal`` is short-sighted: it knows the way
within half of the levels' typical distance from a reward and wanders elsewhere, so that the log
holds good pieces that no episode joined. ``mixed`` is expert and suboptimal by turns, episode by
episode. ``replay`` is the log of somebody who learnt meanwhile: from one episode of a level to the
next, more of the actions are the best one, from none to all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gengap.base.errors import unknown
from gengap.base.seeds import derive
from gengap.control.logs import Logs
from gengap.control.planning import best_of, greedy, optimal
from gengap.control.tables import LevelTables

BEHAVIOURS = ("expert", "suboptimal", "mixed", "replay", "random")


def stream(seed: int, purpose: str, level: int) -> np.random.Generator:
    """The stream of one level, the same whichever levels are drawn with it."""
    return np.random.Generator(np.random.Philox(key=[derive(seed, purpose), level]))


def ordinal(level: np.ndarray) -> np.ndarray:
    """How many of its level come before each of some starts, levels ascending, ``(n,)``."""
    return np.arange(len(level)) - np.searchsorted(level, level)


def logged(
    tables: LevelTables,
    level: np.ndarray,
    start: np.ndarray,
    behaviour: str = "expert",
    seed: int = 0,
    numbers: np.ndarray | None = None,
    values: np.ndarray | None = None,
) -> Logs:
    """Play one episode from each start, all of them together.

    Args:
        level: ``(n,)`` rows of the tables, ascending.
        start: ``(n,)`` states.
        behaviour: one of :data:`BEHAVIOURS`.
        seed: decides what is drawn, for each level apart.
        numbers: ``(L,)`` what to call each level's stream; their rows unless given.
        values: of the best policy ``(L, S, A)``; found unless given.

    Raises:
        UsageError: there is no such behaviour.
    """
    if behaviour not in BEHAVIOURS:
        raise unknown(f"There is no behaviour {behaviour!r}", behaviour, BEHAVIOURS)
    n, horizon, actions = len(level), tables.horizon, len(tables.actions)
    numbers = np.arange(len(tables)) if numbers is None else numbers
    count = np.bincount(level, minlength=len(tables))
    # For each action: one number chooses it, one whether it slips, one what it slips to.
    chance = np.concatenate(
        [
            stream(seed, f"log {behaviour}", int(number)).random((own, horizon, 3), np.float32)
            for number, own in zip(numbers, count, strict=True)
        ]
    )
    policy = _policies(tables, ordinal(level), count[level], behaviour, values)
    state, going = start.astype(np.int64).copy(), np.arange(n)
    rows: list[tuple[np.ndarray, ...]] = []
    for step in range(horizon):
        at, here = level[going], state[going]
        own = chance[going, step]
        action = (policy(going, at, here).cumsum(-1) > own[:, :1]).argmax(-1)
        slips = own[:, 1] < tables.slip[at]
        action_done = np.where(slips, (own[:, 2] * actions).astype(np.int64), action)
        place = at, here, action_done
        after, end = tables.next_state[place].astype(np.int64), tables.end[place]
        rows.append((going, here, action, tables.reward[place], after, end))
        state[going] = after
        going = going[~end]
        if not len(going):
            break
    unit, before, action, reward, after, end = map(np.concatenate, zip(*rows, strict=True))
    sort = np.argsort(unit, kind="stable")
    base = level[unit] * tables.next_state.shape[1]
    return Logs(
        observations=tables.observation.reshape(-1, *tables.observation.shape[2:]),
        unit=unit[sort].astype(np.int32),
        before=(base + before)[sort].astype(np.int32),
        action=action[sort].astype(np.int64),
        reward=reward[sort].astype(np.float32),
        after=(base + after)[sort].astype(np.int32),
        end=end[sort],
        discount=tables.discount,
    )


def followed(
    tables: LevelTables, level: np.ndarray, start: np.ndarray, actions: Sequence[np.ndarray]
) -> Logs:
    """The log of somebody whose actions are known, carried out as chosen in the tables.

    Args:
        level: ``(n,)`` rows of the tables.
        start: ``(n,)`` states.
        actions: ``n`` arrays, what was done from each start; what follows an end is left out.
    """
    steps = np.array([len(own) for own in actions])
    unit = np.repeat(np.arange(len(level)), steps)
    step = np.arange(len(unit)) - np.repeat(np.cumsum(steps) - steps, steps)
    done = np.concatenate(actions).astype(np.int64)
    before, after = np.zeros(len(unit), np.int64), np.zeros(len(unit), np.int64)
    state, going = start.astype(np.int64).copy(), np.full(len(level), True)
    kept = np.zeros(len(unit), bool)
    for now in range(int(steps.max())):
        rows = np.flatnonzero((step == now) & going[unit])
        own = unit[rows]
        kept[rows], before[rows] = True, state[own]
        place = level[own], state[own], done[rows]
        after[rows] = state[own] = tables.next_state[place]
        going[own] = ~tables.end[place]
    unit, before, after, done = unit[kept], before[kept], after[kept], done[kept]
    place, base = (level[unit], before, done), level[unit] * tables.next_state.shape[1]
    return Logs(
        observations=tables.observation.reshape(-1, *tables.observation.shape[2:]),
        unit=unit.astype(np.int32),
        before=(base + before).astype(np.int32),
        action=done,
        reward=tables.reward[place].astype(np.float32),
        after=(base + after).astype(np.int32),
        end=tables.end[place],
        discount=tables.discount,
    )


def _policies(
    tables: LevelTables,
    order: np.ndarray,
    count: np.ndarray,
    behaviour: str,
    values: np.ndarray | None,
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Chances of actions ``(m, A)`` of some episodes, at their levels and states.

    Args:
        order: ``(n,)`` how many episodes of its level come before each.
        count: ``(n,)`` episodes of its level.
    """
    actions = len(tables.actions)
    if behaviour == "random":
        return lambda going, at, here: np.full((len(going), actions), 1 / actions, np.float32)
    values = optimal(tables) if values is None else values
    best = greedy(values)
    if behaviour == "expert":
        return lambda going, at, here: best[at, here]
    if behaviour == "replay":
        skill = (order / np.maximum(count - 1, 1)).astype(np.float32)[:, None]
        return lambda going, at, here: (
            skill[going] * best[at, here] + (1 - skill[going]) / np.float32(actions)
        )
    worth = best_of(values)
    # The value falls by the discount with each action, so its root is that of half the distance.
    near = worth >= np.sqrt(np.maximum(np.median(worth[tables.real]), 0))
    short = np.where(near[..., None], best, np.float32(1 / actions))
    if behaviour == "suboptimal":
        return lambda going, at, here: short[at, here]
    return lambda going, at, here: np.where(
        (order[going] % 2 == 0)[:, None], best[at, here], short[at, here]
    )
