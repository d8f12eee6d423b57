"""Ways through a graph: is there one from a node to another, said at once or after walking it?

A graph has layers of nodes, and arrows from a layer to the next, each there by chance. Between most
nodes no arrow lies, so whether one leads to another is found out by going from arrow to arrow.

    n3 n41  ->  yes                 at once
    n3 n41  ->  n17 n25 n41 yes     after a way, one of them drawn
    n3 n44  ->  n12 n30 n38 no      after a walk to the goal's layer

Some questions are *new*: training has their arrows, in the ways of other questions, and neither the
questions nor any way as a whole.

Source: Khona et al. 2024, arXiv:2402.07757 (hierarchical graphs, stepwise and direct inference).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

YES, NO = "yes", "no"
KNOWN, NEW = "known", "new"


@dataclass(frozen=True)
class Walk:
    """A question, and a way.

    Attributes:
        start, goal: nodes.
        way: nodes after the start.
        reached: whether there is a way to the goal, which the way then is.
        layers: from start to goal.
        part: ``known`` or ``new``.
    """

    start: int
    goal: int
    way: tuple[int, ...]
    reached: bool
    layers: int
    part: str


def layered(draw: np.random.Generator, layers: int, width: int, chance: float) -> np.ndarray:
    """Arrows ``(nodes, nodes)`` bool, from each layer of so many nodes to the next.

    Args:
        chance: of each arrow; every node but the last layer's has one at least.
    """
    nodes = layers * width
    layer = np.arange(nodes) // width
    arrows = (draw.random((nodes, nodes)) < chance) & (layer[:, None] + 1 == layer)
    lost = np.flatnonzero(~arrows.any(1) & (layer < layers - 1))
    arrows[lost, (layer[lost] + 1) * width + draw.integers(width, size=len(lost))] = True
    return arrows


def reachable(arrows: np.ndarray) -> np.ndarray:
    """``(nodes, nodes)`` bool: whether arrows lead from a node to another, by squaring."""
    found = arrows | np.eye(len(arrows), dtype=bool)
    while True:
        further = (found.astype(np.int64) @ found) > 0
        if (further == found).all():
            return found & ~np.eye(len(arrows), dtype=bool)
        found = further


def walks(
    draw: np.random.Generator, arrows: np.ndarray, width: int, share: float, times: int
) -> list[Walk]:
    """All questions of nodes of different layers, each with several ways.

    Args:
        arrows: as :func:`layered` draws them.
        width: nodes of a layer.
        share: of the questions of nodes more than a layer apart that are new.
        times: ways of each question.
    """
    leads, nodes = reachable(arrows), len(arrows)
    layer = np.arange(nodes) // width
    pairs = np.argwhere(layer[:, None] < layer)
    new = (draw.random(len(pairs)) < share) & (np.diff(layer[pairs], axis=1)[:, 0] > 1)
    found = []
    for (start, goal), strange in zip(pairs.tolist(), new, strict=True):
        far, reached = int(layer[goal] - layer[start]), bool(leads[start, goal])
        for _ in range(times):
            way = _way(draw, arrows, leads, start, goal, far, reached)
            found.append(Walk(start, goal, way, reached, far, NEW if strange else KNOWN))
    return found


def _way(
    draw: np.random.Generator,
    arrows: np.ndarray,
    leads: np.ndarray,
    start: int,
    goal: int,
    far: int,
    reached: bool,
) -> tuple[int, ...]:
    """A way to the goal, or a walk of as many arrows."""
    way: list[int] = []
    here = start
    for _ in range(far):
        further = arrows[here]
        if reached:
            further = further & (leads[:, goal] | (np.arange(len(arrows)) == goal))
        nodes = np.flatnonzero(further)
        here = int(draw.choice(nodes))
        way.append(here)
    return tuple(way)
