"""Regular tasks, which an automaton of a few states solves at any length.

Source: Delétang et al., Neural networks and the Chomsky hierarchy (2023), arXiv:2207.02098,
appendix A.
"""

from __future__ import annotations

import numpy as np

Pairs = tuple[np.ndarray, np.ndarray]


def even_pairs(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """Whether ``ab`` and ``ba`` together occur an even number of times: first equals last."""
    source = draw.integers(2, size=(count, length))
    return source, (source[:, :1] == source[:, -1:]).astype(np.int64)


def parity(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """Whether the number of ones is odd."""
    source = draw.integers(2, size=(count, length))
    return source, source.sum(1, keepdims=True) % 2


def cycle_navigation(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """Where one ends on a circle of five after moves: 0 stays, 1 goes up, 2 goes down."""
    source = draw.integers(3, size=(count, length))
    move = np.array([0, 1, -1])[source]
    return source, move.sum(1, keepdims=True) % 5
