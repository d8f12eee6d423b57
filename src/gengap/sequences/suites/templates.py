"""Sentences of words that stand for concepts as a suite: which template does a sentence follow?"""

from __future__ import annotations

from string import ascii_lowercase

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.templates import sentences, templates

USUAL, EVEN = "usual", "even"


@suite(
    "concepts",
    summary="Say which row of concepts a sentence follows, rare words being as those of its kind.",
    source="generated: after Laurent et al. 2023, https://arxiv.org/abs/2305.16162",
    default_splits="hold-out:even",
)
def concepts(
    classes: int = 40,
    each: int = 20,
    even: int = 10,
    kinds: int = 3,
    words: int = 40,
    length: int = 7,
    skew: float = 1.0,
    seed: int = 0,
) -> Sequences:
    """Sentences whose words come as in a language, and others in which all come as often.

    Words are named by their concept and their rank in it, ``b7``; classes are ``T1``, ``T2``, ...

    Args:
        classes: templates, rows of concepts.
        each: sentences of each class whose words come as often as their ranks say.
        even: sentences of each class whose words all come as often.
        kinds: concepts.
        words: of each concept.
        length: of a sentence.
        skew: how much more often words of low rank come: the power of ``1 / rank``.
        seed: decides templates and words.

    Raises:
        UsageError: there are too few templates, or a number of things that cannot be.
    """
    check_whole(classes=classes, each=each, even=even, words=words, length=length)
    if not 2 <= kinds <= len(ascii_lowercase) or skew < 0:
        raise UsageError(
            f"{kinds} concepts of words with a skew of {skew:g} cannot be made; take 2 to "
            f"{len(ascii_lowercase)} concepts and a skew of 0 or more."
        )
    draw = generator(seed, "concepts")
    of_class = templates(draw, classes, kinds, length)
    label = np.concatenate([np.arange(classes).repeat(each), np.arange(classes).repeat(even)])
    usual = np.arange(len(label)) < classes * each
    rows = of_class[label]
    rank = np.concatenate(
        [sentences(draw, rows[usual], words, skew), sentences(draw, rows[~usual], words, 0)]
    )
    names = [f"{ascii_lowercase[kind]}{own + 1}" for kind in range(kinds) for own in range(words)]
    return sequences_of(
        Ragged.of(list(rows * words + rank)),
        Ragged.of(list((kinds * words + label)[:, None])),
        (*names, *(f"T{number + 1}" for number in range(classes))),
        name="concepts",
        factors={"part": np.where(usual, USUAL, EVEN), "rarest": rank.max(1) + 1},
        environment="part",
    )
