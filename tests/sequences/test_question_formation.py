"""Questions against a parse by patterns of the sentences they are made of."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.sequences.tasks.question_formation import (
    AUXILIARIES,
    NOUNS,
    RESTS,
    VERBS,
    sentence,
)

NOUN = f"the (?:{'|'.join(NOUNS)})"
AUXILIARY = f"(?:{'|'.join(AUXILIARIES)})"
SAID = f"(?:(?:{'|'.join(RESTS)})|(?:{'|'.join(VERBS)}) {NOUN})"
CLAUSE = f"(?: that {AUXILIARY} {SAID})"
SENTENCE = re.compile(f"{NOUN}(?P<subject>{CLAUSE})? (?P<main>{AUXILIARY}) {SAID}{CLAUSE}?")


@pytest.mark.parametrize("telling", [False, True])
def test_a_thousand_sentences_are_parsed_alike(telling):
    draw = np.random.default_rng(0)
    lengths = set()
    for _ in range(1000):
        words, main = sentence(draw, telling)
        found = SENTENCE.fullmatch(" ".join(words))
        assert found is not None, words
        assert found["main"] == main
        assert (found["subject"] is not None) == telling
        own = [word for word in words if word in AUXILIARIES]
        assert len(set(own)) == len(own)
        assert (own[0] == main) != telling
        lengths.add(len(own))
    assert lengths == {1 + telling, 2 + telling}


def test_shares_and_parts():
    problem = gg.load_suite("question-formation:count=50,telling=0.1,asked=20")
    table = problem.factors
    assert (table.part == "train").sum() == 50
    assert (table.tells[table.part == "train"] == "yes").sum() == 5
    assert (table.tells[table.part == "test"] == "yes").all()
    for row in range(70):
        words = problem.vocabulary.text(problem.source[row]).split()
        first = next(word for word in words if word in AUXILIARIES)
        answer = problem.vocabulary.text(problem.target[row])
        assert (answer == first) == (table.tells[row] == "no")


def test_a_share_that_is_none():
    with pytest.raises(UsageError, match="from 0 to 1"):
        gg.load_suite("question-formation:telling=1.5")
