"""States at the edge of what rollouts reach, whose values nothing teaches.

A. Sims et al., The edge-of-reach problem in offline model-based reinforcement learning (arXiv
2402.12527): with a model that makes no error, learning from rollouts of a few steps overestimates
what it never acts in, and fails; an ensemble's least value does not. Here a log of the best walks
through mazes is rolled out for two steps in the mazes themselves, so that dynamics are exact, and
so are the values that learnt ones are held against (:mod:`gengap.control.reach`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.agents import policy_of
from gengap.control.compiled import as_levels
from gengap.control.levels import Levels
from gengap.control.reach import overestimate, reach, rolled_out
from gengap.control.suites.mazes import maze_tables
from gengap.control.table_arena import TableArena
from gengap.study.trained import Trained

PAPER = Paper(
    "The edge-of-reach problem in offline model-based reinforcement learning",
    "Sims, Lu, Foerster, Teh",
    2024,
    "https://arxiv.org/abs/2402.12527",
)
MAZES, STARTS, SIDE, LOOPS = 10, 5, 9, 0.1
DISCOUNT = 0.9  # with 0.99 actions differ by less than networks err
SHORT, LONG = 2, 100  # steps of rollouts; mazes have fewer than 100 cells
STEPS = 2000
PLAIN, AWARE = "dqn-offline", "ravl"
FOLLOWING = {"target_rate": 0.05}


def overestimated(draw: int, store: str) -> float:
    """Overestimate of the best value at the edge of reach minus inside, plain Q-learning."""
    return _excess(draw, store, PLAIN)


def collapse(draw: int, store: str) -> float:
    """Success with rollouts of the whole level minus success with short ones, plain Q-learning."""
    return _success(draw, store, PLAIN, LONG) - _success(draw, store, PLAIN, SHORT)


def aware(draw: int, store: str) -> float:
    """Success with short rollouts, reach-aware minus plain."""
    return _success(draw, store, AWARE, SHORT) - _success(draw, store, PLAIN, SHORT)


def bounded(draw: int, store: str) -> float:
    """How much less of the overestimate at the edge there is, reach-aware than plain."""
    return _excess(draw, store, PLAIN) - _excess(draw, store, AWARE)


@lru_cache(maxsize=4)
def _levels(draw: int, steps: int) -> Levels:
    return rolled_out(_walked(draw), steps)


def _walked(draw: int) -> Levels:
    """Mazes with a log of the best walks."""
    tables = maze_tables(np.arange(MAZES), STARTS, SIDE, LOOPS, 0.0, draw)
    return as_levels(replace(tables, discount=DISCOUNT), "mazes", "maze", "expert", draw)


def _learnt(draw: int, store: str, method: str, steps: int) -> Trained:
    levels, learner = _levels(draw, steps), {method: FOLLOWING}
    (agent,) = trained(levels, learner, draw, store, steps=STEPS)
    return agent


def _success(draw: int, store: str, method: str, steps: int) -> float:
    """In the levels trained on, from the starts trained on."""
    agent = _learnt(draw, store, method, steps)
    return float(scores(agent, _levels(draw, steps), agent.train_rows, "success").mean())


def _excess(draw: int, store: str, method: str) -> float:
    agent, levels = _learnt(draw, store, method, SHORT), _walked(draw)
    assert isinstance(levels.arena, TableArena)
    tables, found = levels.arena.tables, reach(levels, agent.train_rows, SHORT)
    seen = torch.from_numpy(tables.observation.reshape(-1, *levels.shape))
    values = policy_of(agent.model, agent.prepared)(seen).numpy().reshape(tables.next_state.shape)
    truth = levels.arena.values
    return overestimate(values, truth, found.edge) - overestimate(values, truth, found.inside)


_SETTING = "ten mazes, the best walks from five starts rolled out for two steps; perceptron"
CLAIMS = (
    Claim(
        "edge-of-reach-overestimated",
        PAPER,
        719,
        "With an exact model, short rollouts overestimate the states at their edge",
        "excess of learnt over true values at the edge of reach minus inside; dqn-offline",
        _SETTING,
        overestimated,
        6,
    ),
    Claim(
        "edge-of-reach-collapse",
        PAPER,
        719,
        "With an exact model, cutting rollouts short makes value learning fail",
        "success in the mazes trained on, rollouts of the whole maze minus of two steps",
        _SETTING + "; dqn-offline",
        collapse,
        6,
    ),
    Claim(
        "edge-of-reach-bounded",
        PAPER,
        719,
        "The least value of an ensemble overestimates the edge less",
        "excess at the edge minus inside, dqn-offline minus ravl",
        _SETTING,
        bounded,
        6,
    ),
    Claim(
        "edge-of-reach-repaired",
        PAPER,
        719,
        "The least value of an ensemble repairs what short rollouts break",
        "success in the mazes trained on, rollouts of two steps, ravl minus dqn-offline",
        _SETTING,
        aware,
        6,
    ),
)
