"""What the best, and any given, policy is worth in every state, on all levels together.

The value of the best policy solves ``V(s) = max_a Q(s, a)``. With a chance ``ε`` that a random one
of the ``A`` actions is carried out in place of the one chosen,

    q(s, a) = r(s, a) + γ(s, a) V(s'(s, a)),    Q(s, a) = (1 - ε) q(s, a) + ε mean_b q(s, b),

with ``γ(s, a)`` the discount, and 0 where the action ends the episode. Value iteration applies this
to all levels at once until nothing changes any more (Sutton & Barto 2018, section 4.4). A policy
``π`` is worth the same with ``Σ_a π(a|s) Q(s, a)`` in place of the maximum.
"""

from __future__ import annotations

import numpy as np

from gengap.control.tables import LevelTables

# Values move by less than this when they have been found; rewards are of the order of 1.
CLOSE = 1e-6
MOST_SWEEPS = 10_000


def optimal(tables: LevelTables, close: float = CLOSE) -> np.ndarray:
    """Value of each action under the best policy, ``(L, S, A)`` float32.

    The episode's cut is not counted: the values are those of an episode without one.
    """
    values = np.zeros(tables.next_state.shape[:2], np.float32)
    for _ in range(MOST_SWEEPS):
        found = action_values(tables, values)
        better = best_of(found)
        change = np.abs(better - values).max(initial=0.0)
        values = better
        if change <= close:
            break
    return action_values(tables, values)


def action_values(tables: LevelTables, values: np.ndarray) -> np.ndarray:
    """Value of each action where states are worth ``values (L, S)``, as ``(L, S, A)``."""
    own = tables.reward + tables.goes_on * values.ravel().take(tables.onward)
    if not tables.slip.any():
        return own
    slip = tables.slip[:, None, None]
    return (1 - slip) * own + slip * own.mean(-1, keepdims=True)


def policy_values(tables: LevelTables, policy: np.ndarray, close: float = CLOSE) -> np.ndarray:
    """Value of each action under a policy ``(L, S, A)`` of probabilities, ``(L, S, A)``."""
    values = np.zeros(tables.next_state.shape[:2], np.float32)
    for _ in range(MOST_SWEEPS):
        found = np.einsum("lsa,lsa->ls", action_values(tables, values), policy)
        change = np.abs(found - values).max(initial=0.0)
        values = found
        if change <= close:
            break
    return action_values(tables, values)


def greedy(values: np.ndarray, near: float = 1e-6) -> np.ndarray:
    """The policy ``(..., A)`` that takes an action of the largest value, each of several alike.

    Args:
        values: ``(..., A)`` values, or logits.
        near: how far apart values count as equal.
    """
    best = values >= best_of(values)[..., None] - near
    return best / np.einsum("...a->...", best.astype(np.float32))[..., None]


def best_of(values: np.ndarray) -> np.ndarray:
    """The largest of a few values ``(..., A)``; one by one, which is faster than along an axis."""
    found = values[..., 0]
    for action in range(1, values.shape[-1]):
        found = np.maximum(found, values[..., action])
    return found
