"""Instructions as a suite: strings are rewritten by rules, of which training saw few or many."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.rewriting import ALPHABET, ARROW, rewritten
from gengap.sequences.tasks.rewriting import rules as drawn_rules

KNOWN, NEW = "train", "test"
LEAST_LETTERS = 2


@suite(
    "rewriting",
    summary="Rewrite a string as an instruction says, ab>cd:babca, by rules not seen in training.",
    source="generated: string rewrites after Zhang et al. 2024, https://arxiv.org/abs/2402.10891",
    default_splits="column:part",
)
def rewriting(
    rules: int = 40,
    count: int = 6000,
    new: int = 20,
    asked: int = 1200,
    letters: int = 8,
    domain: int = 8,
    width: int = 2,
    length: int = 8,
    occurrences: int = 1,
    score: Literal["exact_match", "token_accuracy"] = "exact_match",
    seed: int = 0,
) -> Sequences:
    """Strings of known and of new rules; which a string is of is its environment.

    Args:
        rules: that there are to train on, as equally often as can be.
        count: strings of these; fewer rules are more strings of each.
        new: rules that are asked about; a pattern that is trained on is not among them.
        asked: strings of these.
        letters: of the strings and of new rules.
        domain: rules to train on are of the first so many letters, a part of the language.
        width: letters of a pattern.
        length: of a string.
        occurrences: how often a pattern is put into its string.
        score: of a string: whether all of it is right, or what share.
        seed: decides rules and strings.

    Raises:
        UsageError: there are too few patterns, or strings are shorter than these.
    """
    check_whole(rules=rules, count=count, new=new, asked=asked, width=width)
    check_whole(0, occurrences=occurrences)
    if not LEAST_LETTERS <= domain <= letters <= len(ALPHABET):
        raise UsageError(
            f"The domain of {domain} letters must be a part of {letters}, and these of "
            f"{len(ALPHABET)}."
        )
    if length < width:
        raise UsageError(f"Strings of {length} letters cannot hold patterns of {width}.")
    draw = generator(seed, "rewriting")
    known = drawn_rules(draw, rules, domain, width)
    strange = _others(draw, known, new, letters, width)
    number = np.concatenate([np.arange(count) % rules, rules + np.arange(asked) % new])
    chosen = np.concatenate([known, strange])[number]
    source, target = rewritten(draw, chosen, length, letters, occurrences)
    return Sequences.from_pairs(
        source, target, environment="part", tokens="characters", score=score, name="rewriting",
        factors={
            "part": [KNOWN] * count + [NEW] * asked,
            "rule": [text.partition(":")[0] for text in source],
            "pattern": [text.partition(ARROW)[0] for text in source],
        },
    )  # fmt: skip


def _others(
    draw: np.random.Generator, known: np.ndarray, count: int, letters: int, width: int
) -> np.ndarray:
    """Rules of all letters whose patterns are not among known ones."""
    every = drawn_rules(draw, letters**width, letters, width)
    places = letters ** np.arange(width)
    left = every[~np.isin(every[:, 0] @ places, known[:, 0] @ places)]
    if len(left) < count:
        raise UsageError(
            f"{len(left)} patterns are left for {count} new rules; give more letters, a larger "
            "width, or fewer rules."
        )
    return left[:count]
