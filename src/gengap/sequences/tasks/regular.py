"""Regular tasks, which an automaton of a few states solves at any length.

Source: Delétang et al., Neural networks and the Chomsky hierarchy (2023), arXiv:2207.02098,
appendix A.
"""

from __future__ import annotations

import numpy as np

Pairs = tuple[np.ndarray, np.ndarray]
MODULUS = 5
# Numbers of the signs of arithmetic, after the digits.
PLUS, MINUS, TIMES, OPEN, CLOSE = range(MODULUS, MODULUS + 5)
SIGNS = "01234+-*()"


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


def modular_arithmetic(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The value modulo 5 of digits between plus, minus and times; the length is odd."""
    source = np.empty((count, length), np.int64)
    source[:, ::2] = draw.integers(MODULUS, size=(count, (length + 1) // 2))
    source[:, 1::2] = draw.integers(PLUS, TIMES + 1, size=(count, length // 2))
    # Times binds closer: a product is added once the next plus or minus ends it.
    total, product = np.zeros((2, count), np.int64)
    sign, product = np.ones(count, np.int64), source[:, 0]
    for place in range(1, length, 2):
        operator, digit = source[:, place], source[:, place + 1]
        ends = operator != TIMES
        total = np.where(ends, total + sign * product, total)
        sign = np.where(ends, np.where(operator == MINUS, -1, 1), sign)
        product = np.where(ends, digit, product * digit % MODULUS)
    return source, ((total + sign * product) % MODULUS)[:, None]
