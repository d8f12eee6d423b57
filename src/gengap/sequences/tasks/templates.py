"""Sentences that follow a template of concepts, whatever words stand for these.

A template is a row of concepts, one for each place, and a class of its own. A sentence of it has at
each place one of the words of the place's concept, the word of rank ``r`` with a chance in
proportion to ``r ** -skew``: 0 draws words evenly, 1 as words of a language come. Words of a
concept play the same role, so a model that learns this knows sentences of words that it has hardly
seen.

Source: T. Laurent, J. von Brecht and X. Bresson, Feature collapse (2023), arXiv:2305.16162.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError


def templates(rng: np.random.Generator, count: int, concepts: int, length: int) -> np.ndarray:
    """Different rows of concepts, ``(count, length)``.

    Raises:
        UsageError: there are not as many.
    """
    every = concepts**length
    if every < count:
        raise UsageError(
            f"{length} places of {concepts} concepts make {every} templates, too few for {count}; "
            "give more places or concepts."
        )
    # Of very many, as many again and again until they differ, in place of a list of all.
    found: dict[bytes, np.ndarray] = {}
    while len(found) < count:
        row = rng.integers(concepts, size=length)
        found.setdefault(row.tobytes(), row)
    return np.stack(list(found.values()))


def sentences(
    rng: np.random.Generator, template: np.ndarray, words: int, skew: float
) -> np.ndarray:
    """Ranks of the words of one sentence for each template ``(n, length)``, below ``words``."""
    chance = np.arange(1, words + 1, dtype=np.float64) ** -skew
    return np.asarray(rng.choice(words, size=template.shape, p=chance / chance.sum()))
