"""Several solutions of one level, of which one may still work when the level changes.

S. Kumar et al., One solution is not all you need (arXiv 2010.14484): of several policies that were
made to differ in one level, one chosen by an episode of each survives changes of the level that a
single policy does not. Here levels are mazes with loops, policies are exact
(:mod:`gengap.control.diverse`), and one cell on the single policy's way is closed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.claim import Claim
from gengap.control.diverse import blocked, diverse_policies, equal_policies, reached, visited
from gengap.control.planning import optimal
from gengap.control.suites.mazes import maze_tables
from gengap.control.tables import LevelTables

PAPER = Paper(
    "One solution is not all you need: few-shot extrapolation via structured MaxEnt RL",
    "Kumar, Kumar, Levine, Finn",
    2020,
    "https://arxiv.org/abs/2010.14484",
)
MAZES, SIDE, LOOPS, POLICIES, TOLERANCE = 100, 11, 0.3, 5, 0.1


def over_one(draw: int, store: str) -> float:
    """Success in changed mazes of the best of five diverse policies, minus that of one."""
    one, _, diverse = _succeeded(draw)
    return diverse - one


def over_equals(draw: int, store: str) -> float:
    """The same minus that of the best of five policies that differ by chance."""
    _, equal, diverse = _succeeded(draw)
    return diverse - equal


@lru_cache(maxsize=8)
def _succeeded(draw: int) -> tuple[float, float, float]:
    """Share of changed mazes in which one policy, some of five equal ones, or of diverse ones get
    to the goal."""
    tables = maze_tables(np.arange(MAZES), 1, SIDE, LOOPS, 0.0, draw)
    start, rng = tables.start[:, 0], generator(draw, "claims about solutions")
    diverse = diverse_policies(tables, start, POLICIES, TOLERANCE)
    equal = equal_policies(tables, POLICIES, rng)
    way = visited(tables, equal[0], start)
    way[np.arange(MAZES), start] = False
    cell = np.where(way.any(1), (way * rng.random(way.shape)).argmax(1), -1)
    changed = blocked(tables, cell)
    kept = (cell >= 0) & (reached(changed, optimal(changed).argmax(-1), start) > 0)
    return tuple(
        float(_any(changed, policies, start)[kept].mean())
        for policies in (equal[:1], equal, diverse)
    )  # type: ignore[return-value]


def _any(tables: LevelTables, policies: np.ndarray, start: np.ndarray) -> np.ndarray:
    """``(L,)`` bool, whether some policy gets to the goal."""
    return np.any([reached(tables, action, start) > 0 for action in policies], 0)


_SETTING = (
    "100 mazes of 11 x 11 with loops, a cell on the single policy's way closed, those kept that "
    "can still be solved; exact policies, returns within 10% of the best"
)
CLAIMS = (
    Claim(
        "diverse-policies-survive",
        PAPER,
        218,
        "Of several diverse policies one survives changes that a single one does not",
        "success of the best of five diverse policies minus that of one",
        _SETTING,
        over_one,
        10,
    ),
    Claim(
        "diversity-over-number",
        PAPER,
        218,
        "It is their diversity that counts, not how many can be tried",
        "success of the best of five diverse policies minus the best of five that differ by chance",
        _SETTING,
        over_equals,
        10,
    ),
)
