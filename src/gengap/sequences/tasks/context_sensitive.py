"""Context-sensitive tasks, which need a tape that is read at will; numbers stand lowest bit first.

Source: Delétang et al., Neural networks and the Chomsky hierarchy (2023), arXiv:2207.02098,
appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gengap.sequences.tasks.regular import Pairs

HIDDEN = 2  # of the missing duplicate, after its two letters
OPERATOR, FILL = 2, 3  # of arithmetic on bits
LETTERS = 5  # that are sorted


def duplicate(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The source, twice."""
    source = draw.integers(2, size=(count, length))
    return source, np.tile(source, 2)


def missing_duplicate(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The letter that is hidden in a string said twice; the length is even."""
    source = np.tile(draw.integers(2, size=(count, length // 2)), 2)
    row, place = np.arange(count), draw.integers(length, size=count)
    target = source[row, place][:, None]
    source[row, place] = HIDDEN
    return source, target


def odds_first(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The first, third, fifth ... letter, then the second, fourth ..."""
    source = draw.integers(2, size=(count, length))
    return source, np.concatenate([source[:, ::2], source[:, 1::2]], 1)


def binary_addition(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The sum of two numbers, filled up; 3 long or more."""
    return _arithmetic(draw, count, length, int.__add__)


def binary_multiplication(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The product of two numbers, filled up; 3 long or more."""
    return _arithmetic(draw, count, length, int.__mul__)


def square_root(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The whole part of a number's square root, in half as many bits."""
    source = draw.integers(2, size=(count, length))
    width = (length + 1) // 2
    target = [_bits(math.isqrt(_number(row)), width) for row in source]
    return source, np.array(target)


def bucket_sort(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """Five letters in order."""
    source = draw.integers(LETTERS, size=(count, length))
    return source, np.sort(source, 1)


def _arithmetic(
    draw: np.random.Generator, count: int, length: int, operation: Callable[[int, int], int]
) -> Pairs:
    source = draw.integers(2, size=(count, length))
    target = np.full((count, length), FILL)
    for row, first in enumerate(draw.integers(1, length - 1, size=count)):
        source[row, first] = OPERATOR
        found = operation(_number(source[row, :first]), _number(source[row, first + 1 :]))
        bits = _bits(found, max(1, found.bit_length()))
        target[row, : len(bits)] = bits
    return source, target


def _number(bits: np.ndarray) -> int:
    return sum(int(bit) << place for place, bit in enumerate(bits))


def _bits(number: int, width: int) -> list[int]:
    return [number >> place & 1 for place in range(width)]
