"""Arithmetic against Python's whole numbers, in every form, read back from the text."""

from __future__ import annotations

import math
import re
from string import ascii_letters

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite

SOLVED = {"addition": int.__add__, "multiplication": int.__mul__, "gcd": math.gcd}
SIGNS = {"addition": "+", "multiplication": "*", "gcd": "gcd"}


def texts(problem):
    words = problem.vocabulary
    for row in range(len(problem)):
        yield tuple(words.text(side[row], "") for side in (problem.source, problem.target))


def number(text, turned=False):
    digits = re.sub("[a-zA-Z]", "", text)
    return int(digits[::-1] if turned else digits)


@pytest.mark.parametrize("operation", SOLVED)
@pytest.mark.parametrize("form", ["plain", "reversed", "both-reversed", "padded", "hints"])
def test_every_answer_is_right(operation, form):
    problem = load_suite(f"{operation}:longest=10,each=100,form={form}", seed=3)
    for source, target in texts(problem):
        sides = source.split(SIGNS[operation])
        one, other = (number(side, form == "both-reversed") for side in sides)
        found = number(target, form in ("reversed", "both-reversed"))
        assert SOLVED[operation](one, other) == found, source
        if form == "padded":
            assert len({len(text) for text in (*sides, target)}) == 1
        if form == "hints":
            told = [re.findall("([a-zA-Z])([0-9])", text) for text in (*sides, target)]
            last = {ascii_letters.index(pairs[-1][0]) for pairs in told}
            assert len(last) == 1  # ones have one letter, and letters rise towards them
            for pairs in told:
                places = [ascii_letters.index(letter) for letter, _ in pairs]
                assert places == list(range(max(last) - len(pairs) + 1, max(last) + 1))


def test_the_digits_of_numbers_are_the_environments():
    problem = load_suite("addition:longest=9,each=30")
    for row, (source, _) in enumerate(texts(problem)):
        assert {len(side) for side in source.split("+")} == {int(problem.factors.digits[row])}
    assert problem.names == tuple("123456789")


def steps_of(operation, form="steps"):
    problem = load_suite(f"{operation}:longest=7,each=150,form={form}", seed=4)
    assert len(problem) > 1000
    for row, (source, target) in enumerate(texts(problem)):
        count = int(problem.steps_written[row])
        one, other = map(int, source.split(SIGNS[operation]))
        assert number(target[count:], "reversed" in form) == SOLVED[operation](one, other)
        assert target[count - 1] == "="
        yield one, other, target[: count - 1]


def test_steps_of_sums_are_columns():
    for one, other, said in steps_of("addition"):
        carry, found = 0, ""
        for a, b in zip(str(one)[::-1], str(other)[::-1], strict=True):
            total = int(a) + int(b) + carry
            found += f"{a}{b}{carry}{total % 10};"
            carry = total // 10
        assert said == found


@pytest.mark.parametrize("form", ["steps", "reversed/steps"])
def test_steps_of_products_are_multiples_and_what_they_come_to(form):
    for one, other, said in steps_of("multiplication", form):
        parts = [one * int(d) * 10**k for k, d in enumerate(str(other)[::-1])]
        wanted = [parts[0]]
        for k in range(1, len(parts)):
            wanted += [sum(parts[:k]), parts[k]] if k > 1 else [parts[k]]
        found = [number(text, form != "steps") for text in re.split("[+;]", said)]
        assert found == wanted, (one, other)


def test_steps_of_divisors_are_remainders():
    for one, other, said in steps_of("gcd"):
        left = [int(text) for text in said.rstrip(";").split(";")]
        chain = [one, other, *left]
        for a, b, c in zip(chain, chain[1:], chain[2:], strict=False):
            assert 0 <= c < b
            assert (a - c) % b == 0
        assert left[-1] == 0


def test_divisors_are_not_all_one():
    problem = load_suite("gcd:longest=6,each=200")
    found = np.array([int(target) for _, target in texts(problem)])
    assert 0.3 < (found > 1).mean() < 0.9
    assert found.max() > 1000


def test_every_form_has_the_same_numbers():
    plain, hinted = (
        [re.sub("[a-zA-Z]", "", source) for source, _ in texts(load_suite(f"{name}"))]
        for name in ("addition:each=20", "addition:each=20,form=hints/steps")
    )
    assert plain == hinted


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("addition:longest=1", "needs two numbers of digits"),
        ("gcd:longest=19", "up to 18 digits, not 19"),
        ("multiplication:longest=27,form=hints", "up to 26 digits, not 27"),
        ("addition:asked=answer", "give form=steps too"),
        ("addition:form=sideways", "cannot be"),
    ],
)
def test_arithmetic_that_cannot_be_made(suite, said):
    with pytest.raises(UsageError, match=said):
        load_suite(suite)
