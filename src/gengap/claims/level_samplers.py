"""Where to begin the next episode: levels in which the value is most wrong.

S. Garcin, J. Doran, S. Guo, C. Lucas & S. Albrecht, DRED: zero-shot transfer in reinforcement
learning via data-regularised environment design (arXiv 2402.03479): where policy and value share
layers, levels chosen by their value loss leave less in the representation about which level it is
of, and agents do better in levels that are new to them. Here agents practise in thirty mazes, in
all alike or by priority, and act in thirty others. Policy and value have a network each, so what
acts is not what the source speaks of in full; the features are the hidden units of both. What they
tell of the level is not measured in bits, for which a maze has too few states, but by how often a
linear rule names the level of a state that it was not fitted to.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, halves, train
from gengap.control.suites.mazes import mazes
from gengap.control.table_arena import TableArena
from gengap.methods.ppo import VALUE

PAPER = Paper(
    "DRED: zero-shot transfer in reinforcement learning via data-regularised environment design",
    "Garcin, Doran, Guo, Lucas, Albrecht",
    2024,
    "https://arxiv.org/abs/2402.03479",
)
MAZES, STARTS = 60, 10
DEALS = 4  # of the states, into those fitted to and those asked about
ALIKE, BY_PRIORITY = "ppo", "ppo-prioritized-levels"
RULE = "sklearn:LinearDiscriminantAnalysis:solver=lsqr;shrinkage=0.5"


def told_less(draw: int, store: str) -> float:
    """Share of states whose level features tell, levels begun in alike minus by priority."""
    return _practised(ALIKE, draw, store)[1] - _practised(BY_PRIORITY, draw, store)[1]


def carried_over(draw: int, store: str) -> float:
    """Success in new mazes, levels begun in by priority minus alike."""
    return _practised(BY_PRIORITY, draw, store)[0] - _practised(ALIKE, draw, store)[0]


@lru_cache(maxsize=4)
def _practised(method: str, draw: int, store: str) -> tuple[float, float]:
    """Success of an agent in new mazes, and how often its features name the known ones."""
    levels = mazes(MAZES, STARTS, seed=draw)
    known = levels.environment < MAZES // 2
    (agent,) = trained(levels, method, draw, store, {"known": known})
    won = float(scores(agent, levels, np.flatnonzero(~known), "success").mean())
    assert isinstance(levels.arena, TableArena)
    tables = levels.arena.tables.at(np.arange(MAZES // 2))
    seen = torch.from_numpy(tables.observation[tables.real]).float()[None]
    with torch.no_grad():
        parts = [own(seen).features[0].numpy() for own in (agent.model, agent.model.branch(VALUE))]
    level = np.nonzero(tables.real)[0]
    features = np.concatenate(parts, 1)
    found = [named(features, level, DEALS * draw + deal, store) for deal in range(DEALS)]
    return won, float(np.mean(found))


def named(features: np.ndarray, level: np.ndarray, deal: int, store: str) -> float:
    """Share of states whose level ``(n,)`` a linear rule names by features ``(n, f)``.

    Half of the states are asked about, the rule is fitted to others.
    """
    rows = np.random.default_rng(deal).permutation(len(level))
    own, asked = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    (rule,) = train(halves(features[own], level[own], "features of states"), RULE, deal, store)
    return accuracy(rule, features[asked], level[asked])


_SETTING = "PPO, 1,000 steps of 240 actions in 30 mazes; perceptron that policy and value share"
CLAIMS = (
    Claim(
        "priorities-tell-less-of-levels",
        PAPER,
        220,
        "Levels begun in by value loss leave less of the level in the representation",
        "share of states whose level a linear rule names by features, levels alike minus by "
        "priority",
        _SETTING,
        told_less,
        8,
    ),
    Claim(
        "priorities-carry-over",
        PAPER,
        220,
        "Agents that practise so do better in levels that are new to them",
        "success in 30 other mazes, levels begun in by priority minus alike",
        _SETTING,
        carried_over,
        8,
    ),
)
