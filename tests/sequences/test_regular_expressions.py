"""Regular expressions against Python's own."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.splits import parse_splits
from gengap.sequences.tasks.regular_expressions import drawn, matched, places, strings, text


def test_a_thousand_expressions_match_what_pythons_match():
    rng = np.random.default_rng(0)
    words = strings(5)
    assert len(words) == len(set(words)) == 2 + 4 + 8 + 16 + 32
    where = places(words)
    for _ in range(1000):
        own = drawn(rng, int(rng.integers(1, 8)))
        said = re.compile(text(own))
        wanted = [said.fullmatch(word) is not None for word in words]
        assert matched(own, words, where).tolist() == wanted, text(own)


def test_expressions_have_the_letters_asked_for():
    rng = np.random.default_rng(1)
    for size in (1, 4, 9):
        assert {sum(c in "ab" for c in text(drawn(rng, size))) for _ in range(50)} == {size}
    assert text(("", ("*", ("|", 0, ("", 1, 0))), ("*", ("", 0, 1)))) == "(a|ba)*(ab)*"


def test_questions_are_answered_and_instructions_kept_apart():
    problem = gg.load_suite("regular-expressions:known=20,new=8,larger=7,each=8,longest=5")
    table, languages = problem.factors, {}
    every = strings(5)
    for row in range(len(problem)):
        source = problem.vocabulary.text(problem.source[row], "")
        own, word = source.split(":")
        said = re.compile(own)
        answer = problem.vocabulary.text(problem.target[row])
        assert answer == ("yes" if said.fullmatch(word) else "no")
        assert own == table.expression[row]
        if own not in languages:
            languages[own] = tuple(said.fullmatch(w) is not None for w in every)
        assert table.matched[row] == pytest.approx(np.mean(languages[own]), abs=1e-3)
    assert len(set(languages.values())) == len(languages) == 35
    answers = np.array([problem.vocabulary.text(own) for own in problem.target])
    for own in languages:
        rows = (table.expression == own).to_numpy()
        assert (answers[rows] == "yes").sum() == (answers[rows] == "no").sum() >= 3
    (split,) = parse_splits("hold-out:new,larger").iterate(problem)
    known, unseen = (set(table.expression[rows]) for rows in (split.train, split.unseen))
    assert (len(known), len(unseen)) == (20, 15)
    assert not known & unseen
    assert table["size"][table.part == "larger"].min() > table["size"][split.train].max()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("known=50,size=2,longest=3", "not 110"),
        ("largest=5", "more than 5 letters"),
        ("each=1", "each"),
    ],
)
def test_what_cannot_be_made_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        gg.load_suite(f"regular-expressions:{options}")
