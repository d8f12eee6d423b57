"""What a policy reaches from a start, exactly: no rollouts, so no noise of evaluation.

With few states the policy is evaluated on all of them once. Where it always takes one action and
the level does what it is told, the start's future is one chain of states, which is followed by
looking up. Otherwise, with ``w_t(s)`` what is reached from ``s`` with ``t`` actions left,

    w_t(s) = Σ_a π(a|s) [r(s, a) + γ(s, a) w_{t-1}(s'(s, a))],    w_0 = 0

(slips included as in :mod:`~gengap.control.planning`), in as many sweeps as the horizon.
"""

from __future__ import annotations

import numpy as np

from gengap.control.planning import action_values
from gengap.control.tables import LevelTables


def returns(
    tables: LevelTables, policy: np.ndarray, level: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Expected discounted return within the horizon, ``(n,)`` float32.

    Args:
        tables: ``L`` levels; without a discount the return is a plain sum.
        policy: ``(L, S, A)`` probabilities of actions.
        level: ``(n,)`` rows of the tables.
        start: ``(n,)`` states to start in.
    """
    certain = not tables.slip.any() and bool((policy.max(-1) == 1)[tables.real].all())
    if certain:
        return _followed(tables, policy.argmax(-1), level, start)
    worth = np.zeros(tables.next_state.shape[:2], np.float32)
    for _ in range(tables.horizon):
        worth = np.einsum("lsa,lsa->ls", action_values(tables, worth), policy)
    return worth[level, start].astype(np.float32)


def _followed(
    tables: LevelTables, action: np.ndarray, level: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Follow the chain of states from each start; ``action (L, S)`` is taken in each."""
    rows, states = np.arange(len(tables))[:, None], np.arange(action.shape[1])
    onward = tables.next_state[rows, states, action]
    reward = tables.reward[rows, states, action]
    factor = tables.goes_on[rows, states, action]
    state, left = start.copy(), np.ones(len(start), np.float32)
    total = np.zeros(len(start), np.float32)
    going = np.arange(len(start))
    for _ in range(tables.horizon):
        at = level[going], state[going]
        total[going] += left[going] * reward[at]
        left[going] *= factor[at]
        state[going] = onward[at]
        going = going[left[going] > 0]
        if not len(going):
            break
    return total
