"""How far two sets of examples differ in their parts, and in how parts are put together.

Examples are made of *atoms*, such as words, and of *compounds*, such as two words that depend on
each other. With ``p`` and ``q`` the shares of each in the training and the unseen examples, the
divergence is one minus the Chernoff coefficient,

    1 - sum_k p_k^α q_k^(1 - α),

with α = 1/2 for atoms, and α = 1/10 for compounds: of these it matters that training has them, less
how often. It is 0 where shares are equal and 1 where no kind is on both sides.

Source: Keysers et al., Measuring compositional generalization (2020), arXiv:1912.09713, section 2.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError

ATOMS, COMPOUNDS = 0.5, 0.1


def divergence(train: np.ndarray, unseen: np.ndarray, weight: float) -> float:
    """One minus the Chernoff coefficient of two rows of counts ``(k,)``.

    Args:
        train, unseen: how often each kind occurs, or any weights of 0 or more.
        weight: the exponent α of the training side, between 0 and 1.

    Raises:
        UsageError: counts differ in number, are negative, or a side has none.

    Example:
        >>> import numpy as np
        >>> divergence(np.array([1, 1]), np.array([1, 0]), 0.5)
        0.292893
    """
    p, q = np.asarray(train, np.float64), np.asarray(unseen, np.float64)
    if p.shape != q.shape or p.ndim != 1:
        raise UsageError(f"Counts of both sides must be alike, not {p.shape} and {q.shape}.")
    if min(p.min(initial=0), q.min(initial=0)) < 0 or not p.sum() or not q.sum():
        raise UsageError("Counts must be 0 or more, and each side needs some.")
    shared = (p / p.sum()) ** weight * (q / q.sum()) ** (1 - weight)
    # Rounding takes the coefficient of equal shares a little beyond one.
    return float(max(0.0, 1 - shared.sum()))


def atom_divergence(train: np.ndarray, unseen: np.ndarray) -> float:
    """Divergence of counts of atoms, from 0 to 1."""
    return divergence(train, unseen, ATOMS)


def compound_divergence(train: np.ndarray, unseen: np.ndarray) -> float:
    """Divergence of counts of compounds, from 0 to 1."""
    return divergence(train, unseen, COMPOUNDS)
