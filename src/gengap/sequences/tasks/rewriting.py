"""Strings rewritten as an instruction says: every occurrence of a few letters by others.

A Markov algorithm is a list of such rules, and each of them a task: ``ab>cd:babca`` asks for
``bcdca``. So the number of different instructions, and how many strings there are of each, can be
chosen apart.

Source: Zhang, Wang and Charton, Instruction diversity drives generalization to unseen tasks (2024),
arXiv:2402.10891.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
ARROW, ON = ">", ":"


def rules(rng: np.random.Generator, count: int, letters: int, width: int) -> np.ndarray:
    """Different patterns, and for each what replaces it, as long, ``(count, 2, width)``.

    Args:
        letters: patterns and replacements are of the first so many of the alphabet.

    Raises:
        UsageError: there are not as many patterns.
    """
    every = letters**width
    if every < count:
        raise UsageError(
            f"There are {every} patterns of {width} of {letters} letters, too few for {count} "
            "rules; give more letters or a larger width."
        )
    pattern = rng.permutation(every)[:count]
    other = (pattern + rng.integers(1, every, count)) % every
    places = letters ** np.arange(width)
    return np.asarray(np.stack([pattern, other], 1)[..., None] // places % letters)


def rewritten(
    rng: np.random.Generator, chosen: np.ndarray, length: int, letters: int, occurrences: int
) -> tuple[list[str], list[str]]:
    """Instructions on random strings, and what becomes of these.

    Each pattern is put into its string at as many places, which may overlap; by chance there may
    be more. Occurrences are replaced from the left, none of which shares letters with one before.

    Args:
        chosen: the rule of each string, ``(n, 2, width)``.
        length: of the strings, at least the patterns'.
    """
    n, _, width = chosen.shape
    strings = rng.integers(letters, size=(n, length))
    for _ in range(occurrences):
        start = rng.integers(length - width + 1, size=n)
        strings[np.arange(n)[:, None], start[:, None] + np.arange(width)] = chosen[:, 0]
    said = ["".join(row) for row in np.array(list(ALPHABET))[strings]]
    pairs = [["".join(part) for part in rule] for rule in np.array(list(ALPHABET))[chosen]]
    source = [f"{a}{ARROW}{b}{ON}{text}" for (a, b), text in zip(pairs, said, strict=True)]
    return source, [text.replace(a, b) for (a, b), text in zip(pairs, said, strict=True)]
