"""The tasks of the hierarchy against solvers of another make, which read the words as text."""

from __future__ import annotations

import math
import re

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite
from gengap.sequences.networks.tape_rnn import turned, turned_places, written
from gengap.sequences.vocabulary import PAD, SLOT


def number(bits):
    return int(bits[::-1], 2)


def bits(value, width):
    return format(value, "b").zfill(width)[::-1]


def on_a_circle(text):
    place = 0
    for move in text:
        place = (place + {"0": 0, "1": 1, "2": 4}[move]) % 5
    return str(place)


def stacked(words):
    stack = ""
    for word in words:
        stack = stack[1:] if word == "pop" else word.removeprefix("push-") + stack
    return stack.ljust(len(words) + 1, ".")


def filled(bits_of, length):
    return bits_of.ljust(length, ".")


def calculated(text, operation):
    one, other = text.split("+")
    found = operation(number(one), number(other))
    return filled(bits(found, max(1, found.bit_length())), len(text))


def solved(text):
    left, right = text.split("=")
    fitting = [d for d in "01234" if eval(left.replace("x", d)) % 5 == int(right)]
    assert len(fitting) == 1
    return fitting[0]


def hidden(text):
    half = len(text) // 2
    place = text.index("?")
    return text[place - half if place >= half else place + half]


SOLVERS = {
    "even-pairs": lambda s: "ab"[(len(re.findall("(?=ab|ba)", s)) % 2) == 0],
    "parity": lambda s: "ab"[s.count("b") % 2],
    "cycle-navigation": on_a_circle,
    "modular-arithmetic": lambda s: str(eval(s) % 5),
    "reverse": lambda s: "".join(reversed(s)),
    "bracketed-arithmetic": lambda s: str(eval(s) % 5),
    "solve-equation": solved,
    "duplicate": lambda s: s + s,
    "missing-duplicate": hidden,
    "odds-first": lambda s: s[::2] + s[1::2],
    "binary-addition": lambda s: calculated(s, lambda a, b: a + b),
    "binary-multiplication": lambda s: calculated(s, lambda a, b: a * b),
    "square-root": lambda s: bits(math.isqrt(number(s)), -(-len(s) // 2)),
    "bucket-sort": lambda s: "".join(sorted(s)),
}


@pytest.mark.parametrize("task", SOLVERS)
def test_every_answer_is_right(task):
    problem = load_suite(f"{task}:longest=24,each=40", seed=3)
    words = problem.vocabulary
    for row in range(len(problem)):
        source, target = (words.text(side[row], "") for side in (problem.source, problem.target))
        assert SOLVERS[task](source) == target, source


def test_stacks_are_as_their_actions_leave_them():
    problem = load_suite("stack-manipulation:longest=20,each=40", seed=3)
    for row in range(len(problem)):
        source, target = (
            problem.vocabulary.text(side[row]).split() for side in (problem.source, problem.target)
        )
        assert stacked(source) == "".join(target)


def test_a_length_is_the_same_whichever_are_made_with_it():
    short, long = (load_suite(f"bucket-sort:longest={n},each=5") for n in (4, 9))
    for row in range(len(short)):
        assert short.source[row].tolist() == long.source[row].tolist()


def test_too_few_lengths_are_told():
    with pytest.raises(UsageError, match="no two lengths from 3 to 3; lengths are 3, 4, 5"):
        load_suite("binary-addition:longest=3")


def test_a_tape_by_hand():
    # A source of 2 tokens, 2 slots, and padding: a circle of 4 cells.
    tokens = torch.tensor([5, 6, SLOT, SLOT, PAD]).view(1, 1, 5)
    turns = turned_places(tokens)
    tape = torch.tensor([1.0, 2.0, 3.0, 4.0, 0.0]).view(1, 1, 5, 1)
    value = torch.tensor([9.0]).view(1, 1, 1)

    def after(*move):
        here = written(tape, value)
        return turned(here, torch.tensor([[list(move)]]), turns).flatten().tolist()

    assert after(1.0, 0, 0, 0, 0) == [9, 2, 3, 4, 0]
    assert after(0.0, 1, 0, 0, 0) == [4, 9, 2, 3, 0]
    assert after(0.0, 0, 1, 0, 0) == [2, 3, 4, 9, 0]
    assert after(0.0, 0, 0, 1, 0) == after(0.0, 0, 0, 0, 1) == [3, 4, 9, 2, 0]
    assert after(0.5, 0, 0.5, 0, 0) == [5.5, 2.5, 3.5, 6.5, 0]
