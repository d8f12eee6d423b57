"""The linear quadratic regulator of many linear systems at once.

Of ``s' = A s + B u`` the feedback ``u = -K s`` costs least, ``Σ sᵀQs + uᵀRu``, with

    K = (R + BᵀPB)⁻¹ BᵀPA,    P = Q + AᵀPA - AᵀPB (R + BᵀPB)⁻¹ BᵀPA.

``P`` is found by doubling: each sweep takes the cost of twice as many steps, so that a few sweeps
are as good as infinitely many (Chu, Fan, Lin and Wang 2004, structure-preserving doubling).
"""

from __future__ import annotations

import numpy as np

MOST_SWEEPS = 60
CLOSE = 1e-12


def gains(A: np.ndarray, B: np.ndarray, Q: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The best feedback of each system, ``(n, U, S)``.

    Args:
        A: ``(n, S, S)``, how states go on.
        B: ``(n, S, U)``, what actions add.
        Q: ``(S, S)``, cost of states.
        R: ``(U, U)``, cost of actions.
    """
    onward, eye = A, np.eye(A.shape[-1])
    reach = B @ np.linalg.inv(R) @ B.swapaxes(1, 2)
    cost = np.broadcast_to(Q, A.shape)
    for _ in range(MOST_SWEEPS):
        solved = np.linalg.solve(eye + reach @ cost, np.concatenate([onward, reach], 2))
        ahead, beyond = np.split(solved, 2, axis=2)
        back = onward.swapaxes(1, 2)
        further = cost + back @ cost @ ahead
        reach = reach + onward @ beyond @ back
        onward = onward @ ahead
        change = np.abs(further - cost).max()
        cost = further
        if change <= CLOSE * np.abs(cost).max():
            break
    turned = B.swapaxes(1, 2) @ cost
    return np.linalg.solve(R + turned @ B, turned @ A)


def matrices(rows: list[list[float | np.ndarray]], n: int) -> np.ndarray:
    """``(n, ...)`` matrices whose entries are numbers or ``(n,)`` arrays."""
    return np.stack(
        [np.stack([np.broadcast_to(entry, (n,)) for entry in row], -1) for row in rows], -2
    )
