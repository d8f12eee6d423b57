"""What short rollouts from a log reach, and the states at its edge whose value nothing teaches.

A model learnt from a log is rolled out for a few steps only, from states of the log, lest its
errors add up. Even where the model is the truth, some states are then reached with the last step
and no other: they are what an action leads to, and never what one is taken in. Sims, Lu, Foerster
& Teh (arXiv 2402.12527) call them *edge of reach*: their values are read in targets and learnt
nowhere. With ``D`` the states of an episode in which actions were logged and ``T`` all that one
action can lead to,

    R_0 = D,    R_j = R_{j-1} ∪ T(R_{j-1}),    inside = R_{k-1},    edge = R_k without R_{k-1}.

Compiled levels roll out all actions at once and without error, so that nothing but the cut of the
rollouts is left to blame, and their exact values tell by how much learnt ones exceed the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.control.levels import Levels
from gengap.control.logs import Logs
from gengap.control.planning import best_of
from gengap.control.table_arena import TableArena


@dataclass(frozen=True, eq=False)
class Reach:
    """What rollouts of some steps reach in compiled levels.

    Attributes:
        inside: ``(L, S)`` bool, states in which all actions are rolled out.
        edge: ``(L, S)`` bool, states that are only led to.
    """

    inside: np.ndarray
    edge: np.ndarray


def rolled_out(levels: Levels, steps: int) -> Levels:
    """The same levels, the log replaced by all rollouts of ``steps`` actions from its states.

    A unit's transitions are each action once in each state inside; the actions are any, the
    dynamics are the level's own.

    Args:
        steps: of a rollout, at least 1.

    Raises:
        UsageError: the levels are not compiled, or some action slips.
    """
    arena = _arena(levels)
    tables, (unit, state) = arena.tables, _inside(levels, steps)
    actions, level = len(tables.actions), arena.level[unit]
    place = level.repeat(actions), state.repeat(actions), np.tile(np.arange(actions), len(state))
    base = place[0] * tables.next_state.shape[1]
    logs = Logs(
        observations=levels.logs.observations,
        unit=unit.repeat(actions).astype(np.int32),
        before=(base + place[1]).astype(np.int32),
        action=place[2],
        reward=tables.reward[place],
        after=(base + tables.next_state[place]).astype(np.int32),
        end=tables.end[place],
        discount=tables.discount,
    )
    return replace(levels, logs=logs)


def reach(levels: Levels, units: np.ndarray, steps: int) -> Reach:
    """What rollouts of ``steps`` actions from the logs of some units reach.

    Raises:
        UsageError: the levels are not compiled, or some action slips.
    """
    arena = _arena(levels)
    tables, (unit, state) = arena.tables, _inside(levels, steps)
    own = np.isin(unit, units)
    level, state = arena.level[unit[own]], state[own]
    inside = np.zeros(tables.next_state.shape[:2], bool)
    inside[level, state] = True
    row, action = np.nonzero(~tables.end[level, state])
    led = np.zeros_like(inside)
    led[level[row], tables.next_state[level[row], state[row], action]] = True
    return Reach(inside, led & ~inside)


def overestimate(values: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean excess of the best action's learnt value over the best policy's, in some states.

    Args:
        values: ``(L, S, A)`` as learnt.
        truth: ``(L, S, A)`` of the best policy, :func:`~gengap.control.planning.optimal`.
        where: ``(L, S)`` bool; NaN where there is none.
    """
    found = (best_of(values) - best_of(truth))[where]
    return float(found.mean()) if len(found) else float("nan")


def _arena(levels: Levels) -> TableArena:
    if not isinstance(levels.arena, TableArena):
        raise UsageError(f"{levels.name} is not compiled into tables, so nothing is rolled out.")
    if levels.arena.tables.slip.any():
        raise UsageError(f"Actions of {levels.name} slip; rollouts need levels without chance.")
    return levels.arena


def _inside(levels: Levels, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Units and states in which actions are rolled out, by unit and state, each pair once."""
    check_whole(1, steps=steps)
    arena, logs = _arena(levels), levels.logs
    tables, level, states = arena.tables, arena.level, arena.tables.next_state.shape[1]
    found = np.unique(logs.unit.astype(np.int64) * states + logs.before % states)
    for _ in range(steps - 1):
        unit, state = np.divmod(found, states)
        on = ~tables.end[level[unit], state]
        led = (unit[:, None] * states + tables.next_state[level[unit], state])[on]
        found = np.union1d(found, led)
    unit, state = np.divmod(found, states)
    return unit, state
