"""Ways through a graph as a suite; unseen are questions of which training has the arrows only."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.navigation import NEW, NO, YES, layered, walks


@suite(
    "navigation",
    summary="Does a way through a graph lead from a node to another?",
    source="generated: after Khona et al. 2024",
    default_splits=f"hold-out:{NEW}",
)
def navigation(
    layers: int = 6,
    width: int = 10,
    chance: float = 0.2,
    share: float = 0.3,
    times: int = 4,
    steps: bool = True,
    score: Literal["answer_match", "exact_match"] = "answer_match",
    seed: int = 0,
) -> Sequences:
    """A graph of layers, and every question of two of its nodes, known or new.

    Args:
        layers: of the graph, each of ``width`` nodes.
        chance: of an arrow from a node to one of the next layer.
        share: of the questions of nodes more than a layer apart that are new.
        times: each question is there, each time with a way drawn anew.
        steps: whether a way is written before the answer.
        score: whether the answer is right after a way of the model's own, or whether it writes the
            very way that was drawn too.
        seed: decides the graph, the ways and which questions are new.

    Raises:
        UsageError: a share is none, or leaves fewer than five questions known or new.
    """
    check_whole(least=3, layers=layers)
    check_whole(least=2, width=width)
    check_whole(times=times)
    for name, value in (("chance", chance), ("share", share)):
        if not 0 < value < 1:
            raise UsageError(f"{name} lies between 0 and 1, not {value:g}.")
    draw = generator(seed, "navigation")
    found = walks(draw, layered(draw, layers, width, chance), width, share, times)
    if sum(one.part == NEW for one in found) < 5:
        raise UsageError("Fewer than five questions are new; give more nodes, or a larger share.")
    answers = [YES if one.reached else NO for one in found]
    ways = [[f"n{node}" for node in one.way] for one in found]
    if not steps:
        ways = [[] for _ in found]
    made = Sequences.from_pairs(
        [f"n{one.start} n{one.goal}" for one in found],
        [" ".join((*way, answer)) for way, answer in zip(ways, answers, strict=True)],
        environment=[one.part for one in found],
        factors={"layers": [one.layers for one in found], "answer": answers},
        tokens=str.split,
        name="navigation" if steps else "navigation at once",
        score=score,
    )
    if not steps:
        return made
    return replace(made, steps_written=np.array([len(way) for way in ways]))
