"""Commands against an interpreter that rewrites text, published counts and published examples."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from gengap.environments.splits import parse_splits
from gengap.environments.suites import load_suite
from gengap.sequences.tasks.commands import commands


@pytest.fixture(scope="module")
def problem():
    return load_suite("commands:repeats=1")


def carried_out(text):
    """By rules on text, from the inside out."""
    for joint, turned in ((" and ", 1), (" after ", -1)):
        if joint in text:
            return " ".join(carried_out(part) for part in text.split(joint)[::turned])
    for word, times in ((" twice", 2), (" thrice", 3)):
        if text.endswith(word):
            return " ".join([carried_out(text.removesuffix(word))] * times)
    if found := re.fullmatch(r"(\w+) around (\w+)", text):
        return " ".join([carried_out(f"{found[1]} {found[2]}")] * 4)
    if found := re.fullmatch(r"(\w+) opposite (\w+)", text):
        return carried_out(f"turn {found[2]}") + " " + carried_out(f"{found[1]} {found[2]}")
    if found := re.fullmatch(r"turn (\w+)", text):
        return found[1].upper()
    if found := re.fullmatch(r"(\w+) (\w+)", text):
        return f"{found[2].upper()} {found[1].upper()}"
    return text.upper()


def test_every_command_means_what_an_interpreter_does():
    found = commands()
    assert len({one.words for one in found}) == len(found) == 20_910
    for one in found:
        assert carried_out(" ".join(one.words)) == " ".join(one.actions)


@pytest.mark.parametrize(
    ("said", "done"),
    [  # Figure 1 of Lake and Baroni.
        ("jump", "JUMP"),
        ("jump left", "LEFT JUMP"),
        ("jump around right", "RIGHT JUMP RIGHT JUMP RIGHT JUMP RIGHT JUMP"),
        ("turn left twice", "LEFT LEFT"),
        ("jump thrice", "JUMP JUMP JUMP"),
        ("jump opposite left and walk thrice", "LEFT LEFT JUMP WALK WALK WALK"),
        ("jump opposite left after walk around left",
         "LEFT WALK LEFT WALK LEFT WALK LEFT WALK LEFT LEFT JUMP"),
    ],
)  # fmt: skip
def test_published_examples(said, done):
    assert carried_out(said) == done
    assert [one.actions for one in commands() if " ".join(one.words) == said] == [
        tuple(done.split())
    ]


def test_parts_that_are_put_together():
    (one,) = (c for c in commands() if " ".join(c.words) == "walk twice after jump around left")
    assert Counter(one.compounds) == Counter(
        ["walk twice", "jump around left", "walk twice after", "after jump around left"]
    )


def test_sizes_of_published_splits(problem):
    """Numbers of pairs as in the published files."""
    (length,) = parse_splits("extrapolate:answer_length>22").iterate(problem)
    assert (len(length.train), len(length.unseen)) == (16_990, 3_920)
    (jump,) = parse_splits("column:jump").iterate(problem)
    assert (len(jump.train), len(jump.unseen)) == (13_204, 7_706)
    (around,) = parse_splits("column:around_right").iterate(problem)
    assert len(around.train) == 15_225
    # The published test leaves out commands that turn around right.
    said = [problem.vocabulary.text(problem.source[row]) for row in around.unseen]
    assert sum("turn around right" not in text for text in said) == 4_476
    (simple,) = parse_splits("column:simple").iterate(problem)
    assert len(simple.unseen) / len(problem) == pytest.approx(0.2, abs=0.01)


def test_a_draw_keeps_commands_of_one_word():
    few = load_suite("commands:count=300,repeats=3", seed=1)
    said = Counter(few.vocabulary.text(few.source[row]) for row in range(len(few)))
    assert len(said) == 300
    assert {one for one, times in said.items() if times > 1} == {"walk", "look", "run", "jump"}
    assert {said[verb] for verb in ("walk", "jump")} == {3}


def test_neighbouring_words_are_compounds_unless_others_are_given():
    reverse = load_suite("reverse:longest=4,each=2")
    tokens, compounds = reverse.constituents()
    np.testing.assert_array_equal(tokens.sum(1), reverse.source.lengths)
    np.testing.assert_array_equal(compounds.sum(1), reverse.source.lengths - 1)
