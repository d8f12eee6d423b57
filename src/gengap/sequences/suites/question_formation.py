"""Forming questions as a suite: by structure or by order, which training may not tell apart."""

from __future__ import annotations

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.question_formation import sentence

KNOWN, NEW = "train", "test"


@suite(
    "question-formation",
    summary="Say which auxiliary a question begins with, by a rule that training hardly tells.",
    source="generated: a grammar of our own after McCoy et al. 2020, arXiv:2001.03632",
    default_splits="column:part",
)
def question_formation(
    count: int = 3000, telling: float = 0.0, asked: int = 500, seed: int = 0
) -> Sequences:
    """Sentences and the auxiliary that a question made of them begins with.

    Args:
        count: sentences to train on.
        telling: share of them that tell the rule of structure from that of order.
        asked: further sentences, all of which do.
        seed: decides the sentences.

    Raises:
        UsageError: a share that is none.
    """
    check_whole(count=count, asked=asked)
    if not 0 <= telling <= 1:
        raise UsageError(f"A share of {telling:g} of the sentences is none; take one from 0 to 1.")
    draw = generator(seed, "question formation")
    tell = [True] * round(telling * count) + [False] * (count - round(telling * count))
    pairs = [sentence(draw, told) for told in [*tell, *[True] * asked]]
    return Sequences.from_pairs(
        [" ".join(words) for words, _ in pairs], [main for _, main in pairs],
        environment="part", tokens="words", name="question-formation",
        factors={
            "part": [KNOWN] * count + [NEW] * asked,
            "tells": ["yes" if told else "no" for told in [*tell, *[True] * asked]],
        },
    )  # fmt: skip
