"""Sentences of concepts against a reading of their words, and how often these come."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.splits import parse_splits
from gengap.sequences.tasks.templates import sentences, templates


def test_a_class_is_a_row_of_concepts_and_has_it_in_all_its_sentences():
    problem = gg.load_suite("concepts:classes=20,each=40,even=10,kinds=3,words=5,length=6")
    assert len(problem) == 1000
    found: dict[str, set[str]] = {}
    for source, target in zip(range(1000), range(1000), strict=True):
        words = problem.vocabulary.text(problem.source[source], " ").split()
        assert all(1 <= int(word[1:]) <= 5 for word in words)
        label = problem.vocabulary.text(problem.target[target], " ")
        found.setdefault(label, set()).add("".join(word[0] for word in words))
        assert problem.factors["rarest"][source] == max(int(word[1:]) for word in words)
    assert set(found) == {f"T{number}" for number in range(1, 21)}
    # One row of concepts for each, and no two alike.
    rows = [row for own in found.values() for row in own]
    assert len(rows) == len(set(rows)) == 20
    assert set("".join(rows)) <= set("abc")


@pytest.mark.parametrize("skew", [0.0, 1.0, 2.0])
def test_words_come_as_often_as_their_ranks_say(skew):
    rng = np.random.default_rng(0)
    rank = sentences(rng, np.zeros((1000, 8), int), 4, skew)
    counts = Counter(rank.ravel().tolist())
    total = sum((1 / k) ** skew for k in range(1, 5))
    for word in range(4):
        chance = (1 / (word + 1)) ** skew / total
        spread = np.sqrt(8000 * chance * (1 - chance))
        assert abs(counts[word] - 8000 * chance) < 4 * spread


def test_all_templates_there_are_can_be_asked_for():
    found = templates(np.random.default_rng(0), 16, 2, 4)
    assert sorted(map(tuple, found.tolist())) == [tuple(map(int, f"{k:04b}")) for k in range(16)]


def test_unseen_are_sentences_of_even_words():
    problem = gg.load_suite("concepts:classes=5,each=8,even=4")
    (split,) = parse_splits("hold-out:even").iterate(problem)
    assert (len(split.train), len(split.unseen)) == (40, 20)
    assert set(problem.factors["part"][split.unseen]) == {"even"}


@pytest.mark.parametrize(
    "options", ["classes=9,kinds=2,length=3", "kinds=1", "kinds=27", "skew=-1", "words=0"]
)
def test_what_cannot_be_made_is_refused(options):
    with pytest.raises(UsageError):
        gg.load_suite(f"concepts:{options}")
