"""Facts and questions of two of them as suites; unseen are questions of facts that were only told.

Environments are the facts, questions of known facts, and those of new ones. A run trains on three
fifths of the questions of known facts, and on all facts, which are there several times for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.facts import FACTS, KNOWN, NEW, Question, comparisons, compositions

SOURCE = "generated: after Wang et al. 2024"
Asked = Literal["all", "answer"]


@suite(
    "two-hop-facts",
    summary="Follow one fact by another.",
    source=SOURCE,
    default_splits=f"hold-out:{NEW}",
)
def two_hop_facts(
    entities: int = 50,
    relations: int = 6,
    share: float = 0.2,
    steps: bool = False,
    repeats: int = 10,
    asked: Asked = "all",
    seed: int = 0,
) -> Sequences:
    """Facts of random relations between entities, and two of them one after the other.

    Args:
        entities, relations: how many; each entity has every relation.
        share: of the facts that no question trained on takes.
        steps: whether the entity between is written before the answer.
        repeats: how often each fact is there, so that every deal trains on it.
        asked: with steps, whether these are to be said too, or the ``answer`` alone.
        seed: decides the facts.
    """
    check_whole(least=2, entities=entities, relations=relations, repeats=repeats)
    draw = generator(seed, "two-hop facts")
    found = compositions(draw, entities, relations, _share(share))
    return _problem(found, "two-hop facts", steps, repeats, asked)


@suite(
    "compared-facts",
    summary="Compare what two facts say.",
    source=SOURCE,
    default_splits=f"hold-out:{NEW}",
)
def compared_facts(
    entities: int = 40,
    attributes: int = 3,
    values: int = 10,
    share: float = 0.2,
    steps: bool = False,
    repeats: int = 10,
    asked: Asked = "all",
    seed: int = 0,
) -> Sequences:
    """Facts of random values that entities have, and which of two is less.

    Args:
        entities, attributes: how many; each entity has every attribute.
        values: of an attribute.
        share: of the facts that no question trained on takes.
        steps: whether both values are written before the answer.
        repeats: how often each fact is there, so that every deal trains on it.
        asked: with steps, whether these are to be said too, or the ``answer`` alone.
        seed: decides the facts.
    """
    check_whole(least=2, entities=entities, values=values, repeats=repeats)
    check_whole(attributes=attributes)
    draw = generator(seed, "compared facts")
    found = comparisons(draw, entities, attributes, values, _share(share))
    return _problem(found, "compared facts", steps, repeats, asked)


def _share(share: float) -> float:
    if not 0 < share < 1:
        raise UsageError(f"share is that of the new facts, between 0 and 1, not {share:g}.")
    return share


def _problem(
    questions: list[Question], name: str, steps: bool, repeats: int, asked: Asked
) -> Sequences:
    if asked == "answer" and not steps:
        raise UsageError("asked=answer is for questions with steps; give steps=true too.")
    told = [one for one in questions if one.part == FACTS]
    every = questions + told * (repeats - 1)
    for part in (KNOWN, NEW):
        if sum(one.part == part for one in every) < 5:
            raise UsageError(
                f"These facts leave fewer than five questions of {part} ones; give more entities, "
                "or a share nearer to a half."
            )
    found = Sequences.from_pairs(
        [" ".join(one.asked) for one in every],
        [" ".join((*one.steps, one.answer) if steps else (one.answer,)) for one in every],
        environment=[one.part for one in every],
        tokens=str.split,
        name=name,
    )
    if not steps:
        return found
    written = np.array([len(one.steps) for one in every])
    return replace(found, steps_written=written, asked=asked)
