"""Deterministic context-free tasks, which a stack solves at any length.

Source: Delétang et al., Neural networks and the Chomsky hierarchy (2023), arXiv:2207.02098,
appendix A.
"""

from __future__ import annotations

import numpy as np

from gengap.sequences.tasks.regular import Pairs


def reverse(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The source, backwards."""
    source = draw.integers(2, size=(count, length))
    return source, source[:, ::-1]
