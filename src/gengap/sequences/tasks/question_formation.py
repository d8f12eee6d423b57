"""Which auxiliary begins the question: that of the sentence, or the one that comes first?

    the newt can see the yak that will sleep         ->  can see ...: can
    the newt that will sleep can see the yak         ->  can, not will

In English the auxiliary of the main clause moves to the front. Where no clause stands in the
subject it is also the first one, so sentences of this kind do not tell the rule of structure from
the rule of order; a clause in the subject does. What is asked for is the question's first word.

Source: R. T. McCoy, R. Frank and T. Linzen, Does syntax need to grow on trees? (2020),
arXiv:2001.03632; a grammar of our own.
"""

from __future__ import annotations

import numpy as np

NOUNS = "newt", "yak", "crow", "seal", "toad", "wren", "mole", "hare"
VERBS = "see", "like", "chase", "help", "hear", "know"
RESTS = "sleep", "swim", "sing", "wait", "smile", "run"
AUXILIARIES = "can", "will", "must", "may"
# Chances of an object, and of a clause that stands in it.
OBJECT, CLAUSE = 0.8, 0.6


def sentence(draw: np.random.Generator, telling: bool) -> tuple[list[str], str]:
    """A sentence, and the auxiliary of its main clause.

    Args:
        telling: whether a clause stands in its subject, with another auxiliary than the sentence.
    """
    order = [str(word) for word in draw.permutation(AUXILIARIES)]
    main, others = order[0], order[1:]
    words = [*_noun(draw), *(_clause(draw, others.pop()) if telling else []), main]
    if draw.random() >= OBJECT:
        return [*words, _one(draw, RESTS)], main
    words += [_one(draw, VERBS), *_noun(draw)]
    if draw.random() < CLAUSE:
        words += _clause(draw, others.pop())
    return words, main


def _clause(draw: np.random.Generator, auxiliary: str) -> list[str]:
    if draw.random() < 0.5:
        return ["that", auxiliary, _one(draw, RESTS)]
    return ["that", auxiliary, _one(draw, VERBS), *_noun(draw)]


def _noun(draw: np.random.Generator) -> list[str]:
    return ["the", _one(draw, NOUNS)]


def _one(draw: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(draw.integers(len(words)))]
