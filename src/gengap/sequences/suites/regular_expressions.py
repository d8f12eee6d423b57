"""Regular expressions as instructions, as a suite: does a string match one never given before?"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.regular_expressions import (
    drawn,
    matched,
    places,
    strings,
    text,
)

KNOWN, NEW, LARGER = "known", "new", "larger"
LEAST = 3  # strings that an expression matches, and that it does not
TRIES = 3000  # expressions drawn in a row that none of is new


@suite(
    "regular-expressions",
    summary="Say whether a string matches an expression, (ab)*a:ababa, by expressions not seen.",
    source="generated: after Finlayson et al. 2022, https://arxiv.org/abs/2204.09148",
    default_splits="hold-out:new,larger",
)
def regular_expressions(
    known: int = 200,
    new: int = 60,
    larger: int = 60,
    each: int = 20,
    size: int = 5,
    largest: int = 8,
    longest: int = 7,
    seed: int = 0,
) -> Sequences:
    """Strings and expressions, as many that match as do not where there are as many.

    The factor ``matched`` says what share of all strings up to ``longest`` an expression matches,
    ``size`` how many letters it has.

    Args:
        known: expressions to train on, of 2 to ``size`` letters.
        new: others like them.
        larger: expressions of more letters, up to ``largest``.
        each: strings of each expression; half of them match.
        size, largest: letters of expressions.
        longest: letters of the longest string.
        seed: decides expressions and strings.

    Raises:
        UsageError: there are not as many different expressions, or a number cannot be.
    """
    check_whole(known=known, new=new, larger=larger)
    check_whole(2, each=each, size=size, longest=longest)
    if largest <= size:
        raise UsageError(f"Larger expressions have more than {size} letters; largest is {largest}.")
    draw = generator(seed, "regular expressions")
    words = strings(longest)
    where = places(words)
    taken: dict[str, np.ndarray] = {}
    found = _different(draw, known + new, (2, size), words, where, taken)
    found += _different(draw, larger, (size + 1, largest), words, where, taken)
    part = [KNOWN] * known + [NEW] * new + [LARGER] * larger
    rows = [
        (f"{own}:{words[row]}", "yes" if taken[own][row] else "no", named, own)
        for own, named in zip(found, part, strict=True)
        for row in _dealt(draw, taken[own], each)
    ]
    return Sequences.from_pairs(
        [source for source, *_ in rows], [answer for _, answer, *_ in rows],
        environment="part", tokens=_tokens, name="regular-expressions",
        factors={
            "part": [named for *_, named, _ in rows],
            "expression": [own for *_, own in rows],
            "matched": [round(float(taken[own].mean()), 3) for *_, own in rows],
            "size": [sum(c.isalpha() for c in own) for *_, own in rows],
        },
    )  # fmt: skip


def _tokens(said: str) -> list[str]:
    """Signs of a source; an answer is one word."""
    return [said] if said in ("yes", "no") else list(said)


def _different(
    draw: np.random.Generator,
    count: int,
    sizes: tuple[int, int],
    words: list[str],
    where: np.ndarray,
    taken: dict[str, np.ndarray],
) -> list[str]:
    """Expressions that match strings which none before matches alike; ``taken`` grows by them."""
    seen = {own.tobytes() for own in taken.values()}
    found: list[str] = []
    tries = 0
    while len(found) < count and tries < TRIES:
        own = drawn(draw, int(draw.integers(sizes[0], sizes[1] + 1)))
        said = matched(own, words, where)
        few = min(said.sum(), len(said) - said.sum())
        tries += 1
        if few >= LEAST and said.tobytes() not in seen:
            seen.add(said.tobytes())
            found.append(text(own))
            taken[found[-1]] = said
            tries = 0
    if len(found) == count:
        return found
    raise UsageError(
        f"Only {len(found)} different expressions of {sizes[0]} to {sizes[1]} letters were found, "
        f"not {count}; give larger ones or ask for fewer."
    )


def _dealt(draw: np.random.Generator, said: np.ndarray, each: int) -> np.ndarray:
    """Strings of both answers, as many of one as of the other, none twice."""
    sides = [draw.permutation(np.flatnonzero(said == answer)) for answer in (True, False)]
    half = min(each // 2, *(len(side) for side in sides))
    return np.concatenate([side[:half] for side in sides])
