"""Facts, and questions that take two of them: to follow one fact by another, or to compare.

A fact says of an entity and a relation which entity it leads to, or of an entity and an attribute
which value it has. All facts are told. Some are *new*: no question that is trained on takes one of
them, and questions that take two new ones ask whether the rule carries over from facts that were
used to facts that were only told.

    e7 r2  ->  e3                   facts
    e3 r5  ->  e9
    e7 r2 r5  ->  e9                composition, with its step written out  e3 e9
    a1 e7  ->  v4                   facts
    a1 e9  ->  v6
    a1 e7 e9  ->  less              comparison, with its steps written out  v4 v6 less

Sources: Wang et al. 2024, arXiv:2405.15071 (the kinds of question, and new facts); Yao et al. 2025,
arXiv:2502.04667 (steps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["composition", "comparison"]
Words = list[str]
ORDER = ("less", "equal", "more")
FACTS, KNOWN, NEW = "facts", "known", "new"


@dataclass(frozen=True)
class Question:
    """A fact or a question.

    Attributes:
        asked: words of the source.
        steps: what is found on the way, words.
        answer: one word.
        part: ``facts``; or ``known`` or ``new`` by the facts that a question takes.
    """

    asked: tuple[str, ...]
    steps: tuple[str, ...]
    answer: str
    part: str


def compositions(
    draw: np.random.Generator, entities: int, relations: int, share: float
) -> list[Question]:
    """All facts of random relations, and all questions of two that are both known or both new.

    Args:
        entities, relations: how many; each entity has every relation.
        share: of the facts that are new.
    """
    leads = draw.integers(entities, size=(entities, relations))
    new = draw.random((entities, relations)) < share
    found = []
    for head in range(entities):
        for first in range(relations):
            bridge = int(leads[head, first])
            found.append(Question((f"e{head}", f"r{first}"), (), f"e{bridge}", FACTS))
            for second in range(relations):
                if new[head, first] != new[bridge, second]:
                    continue
                part = NEW if new[head, first] else KNOWN
                asked = (f"e{head}", f"r{first}", f"r{second}")
                found.append(Question(asked, (f"e{bridge}",), f"e{leads[bridge, second]}", part))
    return found


def comparisons(
    draw: np.random.Generator, entities: int, attributes: int, values: int, share: float
) -> list[Question]:
    """All facts of random values, and all questions of two that are both known or both new.

    Args:
        entities, attributes: how many; each entity has every attribute.
        values: of each attribute.
        share: of the facts that are new.
    """
    has = draw.integers(values, size=(entities, attributes))
    new = draw.random((entities, attributes)) < share
    found = []
    for a in range(attributes):
        for one in range(entities):
            found.append(Question((f"a{a}", f"e{one}"), (), f"v{has[one, a]}", FACTS))
            for other in range(entities):
                if one == other or new[one, a] != new[other, a]:
                    continue
                answer = ORDER[int(np.sign(has[one, a] - has[other, a])) + 1]
                steps = (f"v{has[one, a]}", f"v{has[other, a]}")
                part = NEW if new[one, a] else KNOWN
                found.append(Question((f"a{a}", f"e{one}", f"e{other}"), steps, answer, part))
    return found
