"""Deterministic context-free tasks, which a stack solves at any length.

Source: Delétang et al., Neural networks and the Chomsky hierarchy (2023), arXiv:2207.02098,
appendix A.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gengap.sequences.tasks.regular import CLOSE, MINUS, MODULUS, OPEN, PLUS, TIMES, Pairs

# Numbers of the stack's actions and of what fills an answer up.
POP, PUSH_A, PUSH_B, FILL = 2, 3, 4, 5
STACK_WORDS = ("a", "b", "pop", "push-a", "push-b", ".")
# Behind the signs of arithmetic.
UNKNOWN_DIGIT, EQUALS = CLOSE + 1, CLOSE + 2


def reverse(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The source, backwards."""
    source = draw.integers(2, size=(count, length))
    return source, source[:, ::-1]


def stack_manipulation(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """A stack from the bottom up, then actions; asked is the stack from the top down, filled up."""
    source = np.empty((count, length), np.int64)
    target = np.full((count, length + 1), FILL)
    for row, height in enumerate(draw.integers(1, length + 1, size=count)):
        stack = draw.integers(2, size=height).tolist()
        actions = draw.integers(POP, PUSH_B + 1, size=length - height).tolist()
        source[row] = [*stack, *actions]
        for action in actions:
            if action != POP:
                stack.append(action - PUSH_A)
            elif stack:
                stack.pop()
        target[row, : len(stack)] = stack[::-1]
    return source, target


def bracketed_arithmetic(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The value modulo 5 of an expression in which every operation has brackets."""
    made = [_expression(draw, length, (PLUS, MINUS, TIMES)) for _ in range(count)]
    return np.array([signs for signs, _ in made]), np.array([[value] for _, value in made])


def solve_equation(draw: np.random.Generator, count: int, length: int) -> Pairs:
    """The digit that was struck out of a sum and difference whose value is told; 3 long or more."""
    source = np.empty((count, length), np.int64)
    target = np.empty((count, 1), np.int64)
    for row in range(count):
        signs, value = _expression(draw, length - 2, (PLUS, MINUS))
        digits = [place for place, sign in enumerate(signs) if sign < MODULUS]
        asked = digits[draw.integers(len(digits))]
        target[row] = signs[asked]
        signs[asked] = UNKNOWN_DIGIT
        source[row] = [*signs, EQUALS, value]
    return source, target


def _expression(
    draw: np.random.Generator, length: int, operators: Sequence[int]
) -> tuple[list[int], int]:
    """Signs and their value: ``d``, ``-d``, ``(d)``, ``(-d)`` or ``(one ∘ other)``, by length."""
    if length <= 4:
        digit = int(draw.integers(MODULUS))
        signs = [[digit], [MINUS, digit], [OPEN, digit, CLOSE], [OPEN, MINUS, digit, CLOSE]]
        return signs[length - 1], digit if length % 2 else -digit % MODULUS
    left = int(draw.integers(1, length - 3))
    one, a = _expression(draw, left, operators)
    other, b = _expression(draw, length - 3 - left, operators)
    operator = operators[int(draw.integers(len(operators)))]
    value = {PLUS: a + b, MINUS: a - b, TIMES: a * b}[operator]
    return [OPEN, *one, operator, *other, CLOSE], value % MODULUS
