"""Who acted when the log of a physical system was written, and the log.

``expert`` is the system's controller, told the context; ``suboptimal`` is a controller that takes
every parameter to be at its default; ``random`` takes any action. ``mixed`` is expert and
suboptimal by turns, episode by episode. ``replay`` is somebody who learnt meanwhile: from one
episode of a level to the next, more of the actions are the expert's, from none to all.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import unknown
from gengap.control.behaviour import BEHAVIOURS, ordinal
from gengap.control.logs import Logs
from gengap.control.physics.contexts import Contexts
from gengap.control.physics.episodes import Act, at_random, expert, mediocre, moments

DISCOUNT = 0.99


def logged(contexts: Contexts, behaviour: str) -> Logs:
    """Play one episode from each start, all of them together.

    Rewards are scaled by the system's :attr:`~gengap.control.physics.system.System.worth`, so that
    returns of all systems are about as large.

    Raises:
        UsageError: there is no such behaviour.
    """
    if behaviour not in BEHAVIOURS:
        raise unknown(f"There is no behaviour {behaviour!r}", behaviour, BEHAVIOURS)
    system = contexts.system
    played = list(moments(system, contexts.own, contexts.start, _player(contexts, behaviour)))
    unit = np.concatenate([moment.going for moment in played])
    sort = np.argsort(unit, kind="stable")
    state = np.concatenate([moment.before for moment in played])[sort]
    action = np.concatenate([moment.action for moment in played])[sort]
    reward = np.concatenate([moment.reward for moment in played])[sort]
    end = np.concatenate([moment.end for moment in played])[sort]
    after = np.concatenate([moment.after for moment in played])[sort]
    unit = unit[sort]
    # An episode's rows are its states in order and then its last: what follows a row is the next.
    last = np.flatnonzero(np.diff(unit, append=len(contexts)))
    rows = np.insert(state, last + 1, after[last], axis=0)
    owner = np.insert(unit, last + 1, unit[last])
    before = np.arange(len(unit)) + unit
    return Logs(
        observations=contexts.seen(rows, owner),
        unit=unit.astype(np.int32),
        before=before.astype(np.int32),
        action=action if system.discrete else action.astype(np.float32),
        reward=(reward * system.worth).astype(np.float32),
        after=(before + 1).astype(np.int32),
        end=end,
        discount=DISCOUNT,
    )


def _player(contexts: Contexts, behaviour: str) -> Act:
    system, chance = contexts.system, contexts.chances(f"log {behaviour}")
    if behaviour == "random":
        return at_random(system, chance)
    if behaviour == "suboptimal":
        return mediocre(system)
    knowing = expert(system, contexts.tuned)
    if behaviour == "expert":
        return knowing
    order = ordinal(contexts.level)
    if behaviour == "mixed":
        even = np.broadcast_to(order[:, None] % 2 == 0, chance.shape[:2])
        return _either(knowing, mediocre(system), even)
    skill = order / np.maximum(np.bincount(contexts.level)[contexts.level] - 1, 1)
    # Whether an action is the expert's is drawn apart from what it is otherwise.
    known = contexts.chances("skill")[..., 0] < skill[:, None]
    return _either(knowing, at_random(system, chance), known)


def _either(one: Act, other: Act, choice: np.ndarray) -> Act:
    """What the one does where ``choice (n, horizon)`` is true, else the other."""

    def act(going: np.ndarray, state: np.ndarray, number: int) -> np.ndarray:
        first, second = one(going, state, number), other(going, state, number)
        chosen = choice[going, number]
        return np.where(chosen if first.ndim == 1 else chosen[:, None], first, second)

    return act
