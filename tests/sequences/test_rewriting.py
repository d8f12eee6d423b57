"""Rewriting against a scan letter by letter, and rules that stay apart."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.splits import parse_splits
from gengap.sequences.tasks.rewriting import rewritten, rules


def scanned(text):
    """Carry an instruction out, one letter after another."""
    (pattern, replacement), string = text.split(":")[0].split(">"), text.split(":")[1]
    found, place = [], 0
    while place < len(string):
        here = all(string[place + k : place + k + 1] == pattern[k] for k in range(len(pattern)))
        found.append(replacement if here else string[place])
        place += len(pattern) if here else 1
    return "".join(found)


@pytest.mark.parametrize(("width", "letters"), [(1, 3), (2, 3), (3, 2)])
def test_a_thousand_strings_are_rewritten_as_a_scan_does(width, letters):
    rng = np.random.default_rng(0)
    known = rules(rng, letters, letters, width)
    source, target = rewritten(rng, known[np.arange(1000) % letters], 9, letters, 2)
    assert [scanned(text) for text in source] == target
    assert all(text.split(">")[0] in text.split(":")[1] for text in source)
    assert all(a.split(":")[1] != b for a, b in zip(source, target, strict=True))


def test_rules_differ_and_replace_by_something_else():
    found = rules(np.random.default_rng(1), 64, 4, 3)
    assert len({tuple(pattern) for pattern, _ in found}) == 64
    assert (found[:, 0] != found[:, 1]).any(1).all()
    assert {found.min(), found.max()} == {0, 3}


def test_new_rules_have_patterns_that_training_has_not():
    problem = gg.load_suite("rewriting:rules=12,count=100,new=9,asked=40,letters=6,domain=4")
    (split,) = parse_splits("column:part").iterate(problem)
    table = problem.factors
    known, new = (set(table.pattern[rows]) for rows in (split.train, split.unseen))
    assert (len(known), len(new)) == (12, 9)
    assert not known & new
    assert set("".join(table.rule[split.train])) <= set("abcd>")
    said = [problem.vocabulary.text(problem.source[row]) for row in (0, 100)]
    assert [len(text.replace(" ", "")) for text in said] == [14, 14]


@pytest.mark.parametrize(
    "options", ["rules=65", "new=25", "domain=9", "domain=1", "length=1", "letters=30", "count=0"]
)
def test_what_cannot_be_drawn_is_refused(options):
    with pytest.raises(UsageError):
        gg.load_suite(f"rewriting:{options}")
