"""Sums, products and greatest common divisors of whole numbers, and the ways to write them down.

A network that writes token by token says the highest digit of a sum first, which depends on every
carry below it; other ways to write the same numbers ask less of each token.

    plain            57+68      125
    reversed         57+68      521               the answer's lowest digit first
    both-reversed    75+86      521               all numbers so
    padded           057+068    125               all numbers of a pair equally long
    hints            n5o7+n6o8  m1n2o5            a letter before each digit that says its place
    steps            57+68      7805;5612;=125    what is done on the way

Steps of a sum are its columns from the lowest: both digits, what is carried in, and the sum's own
digit, ``7805;5612;``. Those of a product are the first number times each digit of the second, and
what they come to so far, ``456+3420=`` for 57 times 68; those of a divisor are Euclid's remainders.

Sources: reversed answers and steps, Lee et al. 2023, arXiv:2307.03381; hints, Zhou et al. 2023,
arXiv:2310.16028; all numbers reversed, McLeish et al. 2024, arXiv:2405.17399; steps of products,
Deng et al. 2024, arXiv:2405.14838; divisors, Charton 2023, arXiv:2308.15594.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Literal

import numpy as np

Operation = Literal["addition", "multiplication", "gcd"]
Form = Literal["plain", "reversed", "both-reversed", "padded", "hints", "steps"]
SIGNS: dict[Operation, str] = {"addition": "+", "multiplication": "*", "gcd": "gcd"}
BASE = 10
Words = list[str]
# Digits ``(count, width)``, the lowest first and zeros behind the highest.
Digits = np.ndarray


def drawn(draw: np.random.Generator, count: int, digits: int) -> Digits:
    """Numbers of so many digits, without zeros in front."""
    found = draw.integers(BASE, size=(count, digits))
    if digits > 1:
        found[:, -1] = draw.integers(1, BASE, size=count)
    return found


def carried(columns: np.ndarray) -> tuple[Digits, np.ndarray]:
    """Columns of any whole numbers as digits, and what is carried into each, ``(count, width)``."""
    digits, into = np.empty_like(columns), np.zeros_like(columns)
    carry = np.zeros(len(columns), columns.dtype)
    for place in range(columns.shape[1]):
        into[:, place] = carry
        carry, digits[:, place] = np.divmod(columns[:, place] + carry, BASE)
    return digits, into


def widened(number: Digits, width: int) -> Digits:
    """With zeros behind the highest digit."""
    return np.pad(number, ((0, 0), (0, width - number.shape[1])))


def added(one: Digits, other: Digits) -> tuple[Digits, np.ndarray]:
    """The sum, a digit longer than the longer number, and what is carried into each column."""
    width = max(one.shape[1], other.shape[1]) + 1
    return carried(widened(one, width) + widened(other, width))


def partial_products(one: Digits, other: Digits) -> list[Digits]:
    """The first number times each digit of the second, at its place."""
    width = one.shape[1] + other.shape[1]
    found = []
    for place in range(other.shape[1]):
        columns = np.zeros((len(one), width), one.dtype)
        columns[:, place : place + one.shape[1]] = one * other[:, place, None]
        found.append(carried(columns)[0])
    return found


def with_a_divisor(draw: np.random.Generator, count: int, digits: int) -> tuple[Digits, Digits]:
    """Two numbers of so many digits that share a factor, of any number of digits below theirs."""
    lowest, highest = BASE ** (digits - 1), BASE**digits - 1
    shared = [int(BASE ** draw.uniform(0, digits - 1)) for _ in range(count)]
    sides = [
        [k * int(draw.integers(-(-lowest // k), highest // k + 1)) for k in shared]
        for _ in range(2)
    ]
    return _digits(sides[0], digits), _digits(sides[1], digits)


def remainders(one: int, other: int) -> list[int]:
    """Euclid's, down to 0."""
    found = []
    while other:
        one, other = other, one % other
        found.append(other)
    return found


def _digits(numbers: list[int], width: int) -> Digits:
    powers = BASE ** np.arange(width)
    return np.array(numbers)[:, None] // powers % BASE


def _value(number: np.ndarray) -> int:
    return sum(int(digit) * BASE**place for place, digit in enumerate(number))


class Writer:
    """Writes numbers in some of the forms; one object serves all pairs of a number of digits.

    Args:
        forms: any of :data:`Form`.
        width: digits that every number gets where they are padded.
        draw: where the letters of the hints begin, anew for each pair.
    """

    def __init__(self, forms: frozenset[str], width: int, draw: np.random.Generator) -> None:
        self.forms, self.width, self.draw = forms, width, draw
        self.letters = ""

    def begin(self) -> None:
        """A new pair: other letters."""
        if "hints" in self.forms:
            first = int(self.draw.integers(len(ascii_letters) - self.width + 1))
            self.letters = ascii_letters[first : first + self.width][::-1]

    def number(self, digits: np.ndarray, answer: bool = False) -> Words:
        """The words of a number ``(width,)``, the lowest digit first."""
        last = np.flatnonzero(digits)
        size = self.width if "padded" in self.forms else (int(last[-1]) + 1 if len(last) else 1)
        found = [str(digit) for digit in digits[:size]] + ["0"] * (size - len(digits))
        if self.letters:
            found = [self.letters[place] + digit for place, digit in enumerate(found)]
        turned = "both-reversed" in self.forms or (answer and "reversed" in self.forms)
        return list("".join(found if turned else found[::-1]))


def written(
    draw: np.random.Generator, operation: Operation, forms: frozenset[str], count: int, digits: int
) -> tuple[list[Words], list[Words], np.ndarray]:
    """Pairs of numbers of so many digits each, in words.

    Args:
        forms: any of :data:`Form`.

    Returns:
        sources, targets, and how many words of each target are steps, ``(count,)``.
    """
    width = {"addition": digits + 1, "multiplication": 2 * digits, "gcd": digits}[operation]
    pen = Writer(forms, width, draw)
    if operation == "gcd":
        one, other = with_a_divisor(draw, count, digits)
    else:
        one, other = drawn(draw, count, digits), drawn(draw, count, digits)
    answers, steps = _DONE[operation](one, other)
    sources, targets, lengths = [], [], []
    for row in range(count):
        pen.begin()
        sources.append([*pen.number(one[row]), SIGNS[operation], *pen.number(other[row])])
        on_the_way = steps(row, pen) if "steps" in forms else []
        targets.append([*on_the_way, *pen.number(answers[row], answer=True)])
        lengths.append(len(on_the_way))
    return sources, targets, np.array(lengths)


# Of a row and a writer.
Steps = Callable[[int, Writer], Words]


def _sums(one: Digits, other: Digits) -> tuple[Digits, Steps]:
    total, into = added(one, other)

    def steps(row: int, pen: Writer) -> Words:
        found: Words = []
        for place in range(one.shape[1]):
            column = one[row, place], other[row, place], into[row, place], total[row, place]
            found += [*map(str, column), ";"]
        return [*found, "="]

    return total, steps


def _products(one: Digits, other: Digits) -> tuple[Digits, Steps]:
    parts = partial_products(one, other)
    totals = [parts[0]]
    for part in parts[1:]:
        totals.append(carried(totals[-1] + part)[0])

    def steps(row: int, pen: Writer) -> Words:
        found = pen.number(parts[0][row], answer=True)
        for place in range(1, len(parts)):
            if place > 1:
                found += [";", *pen.number(totals[place - 1][row], answer=True)]
            found += ["+", *pen.number(parts[place][row], answer=True)]
        return [*found, "="]

    return totals[-1], steps


def _divisors(one: Digits, other: Digits) -> tuple[Digits, Steps]:
    pairs = [(_value(a), _value(b)) for a, b in zip(one, other, strict=True)]
    chains = [remainders(*pair) for pair in pairs]
    # The last remainder but one divides both; without one the second number does.
    found = [([pair[1], *chain])[-2] for pair, chain in zip(pairs, chains, strict=True)]

    def steps(row: int, pen: Writer) -> Words:
        said: Words = []
        for left in chains[row]:
            said += [*pen.number(_digits([left], one.shape[1])[0], answer=True), ";"]
        return [*said, "="]

    return _digits(found, one.shape[1]), steps


Done = Callable[[Digits, Digits], tuple[Digits, Steps]]
_DONE: dict[Operation, Done] = {
    "addition": _sums,
    "multiplication": _products,
    "gcd": _divisors,
}
