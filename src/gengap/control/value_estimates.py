"""What an agent would earn, estimated from a log that others wrote, without acting.

The value of a policy ``π`` is taken to be linear in features of what is seen and done,
``Q(s, a) = φ(s, a)' w`` with what is seen, and a one, in the place of the action. It solves

    Σ φ(s, a) [φ(s, a) - γ φ(s', π(s'))]' w = Σ φ(s, a) r

over the logged transitions, ``φ(s', ·) = 0`` behind an end (Lagoudakis & Parr 2003, Least-squares
policy iteration, JMLR 4, LSTD-Q). With one-hots of states it is exact where every action of every
state that the policy comes to was logged; elsewhere it is as wrong as the features are.
"""

from __future__ import annotations

import numpy as np

RIDGE = 1e-5  # of the mean square of the features, so that what was never seen weighs nothing


def start_value(
    seen: np.ndarray,
    action: np.ndarray,
    reward: np.ndarray,
    after: np.ndarray,
    next_action: np.ndarray,
    end: np.ndarray,
    start: np.ndarray,
    start_action: np.ndarray,
    actions: int,
    discount: float,
) -> float:
    """Mean estimated value of a policy over some starts.

    Args:
        seen: ``(T, d)`` what was seen before each action, ``after`` what was seen then.
        action: ``(T,)`` what was done, ``next_action`` what the policy would do after it.
        reward: ``(T,)``.
        end: ``(T,)`` bool, whether the episode ended there.
        start: ``(n, d)`` what is seen at starts, ``start_action (n,)`` what the policy does there.
        actions: how many there are.
        discount: of rewards, per action.
    """
    now, then = _features(seen, action, actions), _features(after, next_action, actions)
    then[end] = 0
    matrix = now.T @ (now - discount * then)
    size = len(matrix)
    matrix[np.diag_indices(size)] += RIDGE * float(np.square(now).sum()) / size
    weights = np.linalg.solve(matrix, now.T @ reward)
    return float((_features(start, start_action, actions) @ weights).mean())


def _features(seen: np.ndarray, action: np.ndarray, actions: int) -> np.ndarray:
    """``(n, (d + 1) A)`` what is seen, and a one, in the place of the action."""
    n, width = len(seen), seen.shape[1] + 1
    found = np.zeros((n, actions, width))
    found[np.arange(n), action, :-1] = seen
    found[np.arange(n), action, -1] = 1
    return found.reshape(n, -1)
