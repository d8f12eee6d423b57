"""Arithmetic as suites: each number of digits is an environment, numbers are written as asked.

Written plainly, sums are hard to learn and do not carry over to longer numbers. Other ways to write
them (:mod:`gengap.sequences.tasks.arithmetic`) are asked for by the option ``form``,
``addition:form=reversed/padded``. The same seed gives the same numbers in every form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from string import ascii_letters
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.arithmetic import SIGNS, Form, Operation, written
from gengap.sequences.vocabulary import STOP

DIGITS = "0123456789"
# Marks between steps, of each operation.
MARKS: dict[Operation, str] = {"addition": ";=", "multiplication": ";+=", "gcd": ";="}
MOST = 18  # digits of a number whose divisors are sought, which must fit 64 bits
SOURCE = "generated: formats of Lee et al. 2023, Zhou et al. 2023 and McLeish et al. 2024"


def _registered(operation: Operation, summary: str) -> Callable[..., Sequences]:
    def made(
        longest: int = 8,
        each: int = 500,
        form: tuple[Form, ...] = ("plain",),
        shortest: int = 1,
        asked: Literal["all", "answer"] = "all",
        score: Literal["exact_match", "token_accuracy"] = "exact_match",
        seed: int = 0,
    ) -> Sequences:
        """Pairs of numbers and what they come to; environments are their digits.

        Args:
            longest, shortest: digits of both numbers.
            each: pairs of each number of digits.
            form: how they are written, several divided by slashes: ``plain``, ``reversed``,
                ``both-reversed``, ``padded``, ``hints``, ``steps``.
            asked: with steps, whether these are to be said too, or the ``answer`` alone.
            score: of a pair: whether all of it is right, or what share.
            seed: decides the numbers, those of each length apart.

        Raises:
            UsageError: fewer than two numbers of digits, or more than the form can write.
        """
        check_whole(longest=longest, each=each, shortest=shortest)
        _check(operation, longest, shortest, form, asked)
        rows = {}
        for digits in range(shortest, longest + 1):
            draw = generator(seed, operation, digits)
            rows[digits] = written(draw, operation, frozenset(form), each, digits)
        marks = MARKS[operation] if "steps" in form else ""
        letters = ascii_letters if "hints" in form else ""
        words = tuple(dict.fromkeys((*DIGITS, SIGNS[operation], *marks, *letters)))
        code = {word: number for number, word in enumerate(words)}
        sources = [[code[w] for w in row] for own in rows.values() for row in own[0]]
        targets = [[*(code[w] for w in row), STOP] for own in rows.values() for row in own[1]]
        found = sequences_of(
            Ragged.of([np.array(row) for row in sources]),
            Ragged.of([np.array(row) for row in targets]),
            words,
            name=operation if form == ("plain",) else f"{operation} {' '.join(form)}",
            factors={"digits": np.repeat(list(rows), each)},
            environment="digits",
            score=score,
        )
        if "steps" not in form:
            return found
        steps = np.concatenate([own[2] for own in rows.values()])
        return replace(found, steps_written=steps, asked=asked)

    return suite(operation, summary=summary, source=SOURCE, default_splits="extrapolate:digits>5")(
        made
    )


def _check(
    operation: Operation, longest: int, shortest: int, form: tuple[str, ...], asked: str
) -> None:
    if longest <= shortest:
        raise UsageError(
            f"{operation} needs two numbers of digits; longest={longest} is not above "
            f"shortest={shortest}."
        )
    if operation == "gcd" and longest > MOST:
        raise UsageError(f"gcd is made of numbers of up to {MOST} digits, not {longest}.")
    if "hints" in form and 2 * longest > len(ascii_letters):
        raise UsageError(
            f"There are {len(ascii_letters)} letters to hint at places, for numbers of up to "
            f"{len(ascii_letters) // 2} digits, not {longest}."
        )
    if asked == "answer" and "steps" not in form:
        raise UsageError("asked=answer is for pairs with steps; give form=steps too.")


addition = _registered("addition", "Add two numbers.")
multiplication = _registered("multiplication", "Multiply two numbers.")
gcd = _registered("gcd", "Find the greatest common divisor of two numbers.")
