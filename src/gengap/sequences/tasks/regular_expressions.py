"""Regular expressions as instructions: does a string match, said by the expression alone?

An expression is a letter, one after another, one or another, or any number of one::

    ab        (a|b)        a*        (ab)*

The strings it matches are found as sets of places: from which places of a string, begun at some,
an expression may end. A set is the bits of a whole number, so all strings are matched at once.

Source: M. Finlayson et al., What makes instruction learning hard? (2022), arXiv:2204.09148.
"""

from __future__ import annotations

from itertools import product

import numpy as np

LETTERS = "ab"
STAR, BAR, OPEN, CLOSE = "*|()"
REPEATED, EITHER = 0.3, 0.35
# A letter by its number, or the kind of an expression and its parts.
Expression = int | tuple[str, "Expression"] | tuple[str, "Expression", "Expression"]


def drawn(rng: np.random.Generator, size: int) -> Expression:
    """An expression of so many letters."""
    if size == 1:
        found: Expression = int(rng.integers(len(LETTERS)))
    else:
        first = int(rng.integers(1, size))
        kind = BAR if rng.random() < EITHER else ""
        found = (kind, drawn(rng, first), drawn(rng, size - first))
    return (STAR, found) if rng.random() < REPEATED and not _repeats(found) else found


def _repeats(expression: Expression) -> bool:
    return not isinstance(expression, int) and expression[0] == STAR


def text(expression: Expression) -> str:
    """As it is written; brackets stand around what is either, and around several repeated."""
    if isinstance(expression, int):
        return LETTERS[expression]
    if len(expression) == 2:
        inner = text(expression[1])
        bare = len(inner) == 1 or _bracketed(expression[1])
        return f"{inner}{STAR}" if bare else f"{OPEN}{inner}{CLOSE}{STAR}"
    kind, first, second = expression
    both = f"{text(first)}{kind}{text(second)}"
    return f"{OPEN}{both}{CLOSE}" if kind == BAR else both


def _bracketed(expression: Expression) -> bool:
    return not isinstance(expression, int) and expression[0] == BAR


def ends(expression: Expression, is_letter: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Where an expression may end in ``n`` strings, as bits, begun at the places ``starts (n,)``.

    Args:
        is_letter: ``(letters, n)`` the places at which each letter stands.
    """
    if isinstance(expression, int):
        return np.asarray((starts & is_letter[expression]) << 1)
    if len(expression) == 2:
        found, before = starts, np.zeros_like(starts)
        while (found != before).any():
            before = found
            found = found | ends(expression[1], is_letter, found)
        return found
    kind, first, second = expression
    after = ends(first, is_letter, starts)
    if kind == BAR:
        return after | ends(second, is_letter, starts)
    return ends(second, is_letter, after)


def strings(longest: int) -> list[str]:
    """All strings of 1 to so many letters."""
    return [
        "".join(own) for length in range(1, longest + 1) for own in product(LETTERS, repeat=length)
    ]


def places(words: list[str]) -> np.ndarray:
    """At which places each letter stands in ``n`` strings, as bits, ``(letters, n)``."""
    return np.array(
        [
            [sum(1 << k for k, own in enumerate(word) if own == letter) for word in words]
            for letter in LETTERS
        ],
        np.int64,
    )


def matched(expression: Expression, words: list[str], is_letter: np.ndarray) -> np.ndarray:
    """Which of ``n`` strings an expression matches as a whole, ``(n,)`` bool.

    Args:
        is_letter: their :func:`places`.
    """
    last = ends(expression, is_letter, np.ones(len(words), np.int64))
    return (last >> np.array([len(word) for word in words])) & 1 == 1
