"""Goals that nobody was logged going to.

R. Yang et al., What is essential for unseen goal generalization of offline goal-conditioned RL?
(arXiv 2305.18882): imitation weighted by how well it went reaches goals that are not in the log
more often than learning values with pessimism does. Here each level of one room with obstacles is
a goal; the log was written by somebody who knows the way and by somebody short-sighted, by turns.
Goals are new *within* the room where half of them, drawn at random, are learnt from, and *beyond*
where those learnt from lie in the left 70%.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.agents import reached
from gengap.claims.claim import Claim
from gengap.control.compiled import as_levels
from gengap.control.grids import Cells, inside, walk_tables
from gengap.control.levels import Levels

PAPER = Paper(
    "What is essential for unseen goal generalization of offline goal-conditioned RL?",
    "Yang, Yong, Ma, Hu, Zhang, Zhang",
    2023,
    "https://arxiv.org/abs/2305.18882",
)
SIDE, OBSTACLES, GOALS, STARTS, REACH = 11, 0.1, 60, 10, 2
STEPS = 2000
WEIGHTED, PESSIMISTIC = "weighted-bc", "cql"


def within(draw: int, store: str) -> float:
    """Success at unseen goals among those seen, weighted imitation minus pessimism."""
    return _difference(draw, store, "halves")


def beyond(draw: int, store: str) -> float:
    """Success at goals to the right of those seen, weighted imitation minus pessimism."""
    return _difference(draw, store, "extrapolate:column@0.7")


def _difference(draw: int, store: str, splits: str) -> float:
    levels, methods = goals_in_a_room(draw), [WEIGHTED, PESSIMISTIC]
    found = reached(levels, methods, draw, store, splits, steps=STEPS)
    return found[WEIGHTED].unseen - found[PESSIMISTIC].unseen


def goals_in_a_room(draw: int) -> Levels:
    """One room with obstacles under many goals; the agent sees its place, the goal's and walls."""
    rng = generator(draw, "claims about goals")
    side = np.array([SIDE])
    free = inside(side) & (rng.random((1, SIDE, SIDE)) >= OBSTACLES)
    count = int(free.sum())
    goal = rng.permutation(count)[:GOALS]
    start = np.stack([rng.permutation(np.delete(np.arange(count), g))[:STARTS] for g in goal])
    cells = Cells(np.repeat(free, GOALS, 0))
    aim = cells.place[np.arange(GOALS), goal]
    factors = pd.DataFrame(
        {"level": [f"goal {row} {column}" for row, column in aim], "column": aim[:, 1]}
    )
    tables = walk_tables(
        cells, goal, start, reach=REACH, horizon=4 * SIDE, factors=factors
    )  # fmt: skip
    around = tables.observation[..., : (2 * REACH + 1) ** 2]
    parts = [around, cells.place / SIDE, (aim[:, None] - cells.place) / SIDE]
    tables = replace(tables, observation=np.concatenate(parts, -1, dtype=np.float32))
    return as_levels(tables, "goals in a room", "goal", "mixed", draw)


_SETTING = (
    "60 goals in a room with obstacles, logged by turns by an expert and somebody short-sighted; "
    "perceptron"
)
CLAIMS = (
    Claim(
        "weighted-imitation-new-goals",
        PAPER,
        293,
        "Weighted imitation carries over to unseen goals better than pessimistic values do",
        "success at unseen goals among the seen ones, weighted-bc minus cql",
        _SETTING,
        within,
        8,
    ),
    Claim(
        "weighted-imitation-far-goals",
        PAPER,
        293,
        "Weighted imitation does so too for goals beyond those of the log",
        "success at goals to the right of all that were seen, weighted-bc minus cql",
        _SETTING,
        beyond,
        8,
    ),
)
