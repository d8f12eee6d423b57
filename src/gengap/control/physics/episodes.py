"""Play episodes of a physical system from many starts at once, each in its own context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gengap.control.physics.system import Parameters, System, some

# Which episodes go on (m,), their states (m, S) and the step's number, to actions.
Act = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Moment:
    """One step of the ``m`` episodes that still go on.

    Attributes:
        going: ``(m,)`` which episodes they are.
        before, after: ``(m, S)`` states.
        action: ``(m,)`` or ``(m, A)``.
        reward: ``(m,)``.
        end: ``(m,)`` bool, whether the episode ends with the step.
    """

    going: np.ndarray
    before: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    after: np.ndarray
    end: np.ndarray


def moments(
    system: System, parameters: Parameters, start: np.ndarray, act: Act
) -> Iterator[Moment]:
    """Step all episodes until they end, or the horizon is reached."""
    going, state = np.arange(len(start)), start
    for number in range(system.horizon):
        action = act(going, state, number)
        after, reward, end = system.step(state, action, parameters)
        yield Moment(going, state, action, reward, after, end)
        state = after
        if end.any():
            on = np.flatnonzero(~end)
            going, state, parameters = going[on], after[on], some(parameters, on)
        if not len(going):
            return


@dataclass(frozen=True, eq=False)
class Reached:
    """What came of episodes.

    Attributes:
        total: ``(n,)`` float32 sum of rewards.
        success: ``(n,)`` bool.
    """

    total: np.ndarray
    success: np.ndarray


def reached(
    system: System,
    parameters: Parameters,
    start: np.ndarray,
    act: Act,
    note: Callable[[Moment], None] | None = None,
) -> Reached:
    """Play from every start, and tell what came of it; ``note`` is told of every step."""
    total = np.zeros(len(start))
    held = np.zeros(len(start), np.int64)
    ended = np.zeros(len(start), bool)
    for moment in moments(system, parameters, start, act):
        going = moment.going
        total[going] += moment.reward
        held[going] = np.where(system.good(moment.after), held[going] + 1, 0)
        ended[going] = moment.end
        if note is not None:
            note(moment)
    success = ended if system.goal else ~ended & (held >= system.hold)
    return Reached(total.astype(np.float32), success)


def expert(system: System, tuned: Parameters) -> Act:
    """The system's controller, told its parameters by row of the episodes."""
    return lambda going, state, number: system.control(state, some(tuned, going))


def mediocre(system: System) -> Act:
    """A controller that takes every parameter to be at its default."""
    believed, control = system.tuned(system.nominal(1)), system.rough or system.control
    return lambda going, state, number: control(state, some(believed, np.zeros_like(going)))


def at_random(system: System, chance: np.ndarray) -> Act:
    """Actions that even draws ``(n, horizon, components)`` decide."""
    if system.discrete:
        own = (chance[..., 0] * len(system.actions)).astype(np.int64)
    else:
        own = 2 * chance - 1
    return lambda going, state, number: own[going, number]
