"""Few contexts to train in, chosen so that agents do well in all.

J.-H. Cho et al., Model-based transfer learning for contextual reinforcement learning (arXiv
2408.04498): contexts chosen one after another by a model of what agents lose when they are taken
elsewhere make better use of training than contexts at random, and than training in all of them.
Here point masses differ in gravity, which agents do not see; those trained in one context clone a
controller that knows it, and for each context the best of them is taken.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.chosen_contexts import choose_contexts
from gengap.control.levels import Levels
from gengap.control.suites.physical_systems import point_mass

PAPER = Paper(
    "Model-based transfer learning for contextual reinforcement learning",
    "Cho, Jayawardana, Li, Wu",
    2024,
    "https://arxiv.org/abs/2408.04498",
)
CONTEXTS, STARTS, CHOSEN, STEPS, BATCH, SUBSETS = 20, 8, 3, 500, 64, 200
SCORE = "success"


def over_random(draw: int, store: str) -> float:
    """What the best of three agents reaches in each context, chosen minus at random."""
    rng = generator(draw, "claims about sources")
    transfer = _transfer(draw, store)
    drawn = [rng.permutation(CONTEXTS)[:CHOSEN] for _ in range(SUBSETS)]
    return _chosen(draw, store) - float(np.mean([transfer[own].max(0).mean() for own in drawn]))


def over_all(draw: int, store: str) -> float:
    """The same minus what one agent reaches that learns in all contexts, three times as long."""
    levels = _levels(draw)
    slots = 16  # contexts in a step
    (agent,) = trained(levels, "bc", draw, store, steps=CHOSEN * STEPS, batch=BATCH // slots)
    everywhere = scores(agent, levels, np.arange(len(levels)), SCORE)
    return _chosen(draw, store) - float(everywhere.mean())


def _chosen(draw: int, store: str) -> float:
    transfer, levels = _transfer(draw, store), _levels(draw)
    gravity = levels.factors["gravity"].to_numpy()[::STARTS]
    found = choose_contexts(gravity, lambda number: transfer[number], CHOSEN)
    return float(found.best.mean())


@lru_cache(maxsize=4)
def _levels(draw: int) -> Levels:
    return point_mass(
        CONTEXTS, STARTS, vary=("gravity",), context="hidden", score=SCORE, seed=draw
    )  # fmt: skip


@lru_cache(maxsize=4)
def _transfer(draw: int, store: str) -> np.ndarray:
    """What the agent of each context reaches in each, ``(C, C)``."""
    levels = _levels(draw)
    rows = {name: levels.environment == k for k, name in enumerate(levels.names)}
    agents = trained(levels, "bc", draw, store, rows, steps=STEPS, batch=BATCH)
    reached = [scores(agent, levels, np.arange(len(levels)), SCORE) for agent in agents]
    return np.stack(reached).reshape(CONTEXTS, CONTEXTS, STARTS).mean(-1)


_SETTING = "point masses, 20 contexts of gravity, not seen; cloning by a perceptron, 500 steps"
CLAIMS = (
    Claim(
        "contexts-chosen-over-random",
        PAPER,
        331,
        "Contexts chosen by a model of what is lost elsewhere beat contexts at random",
        "success of the best of three agents in each context, chosen minus at random",
        _SETTING,
        over_random,
        6,
    ),
    Claim(
        "contexts-chosen-over-all",
        PAPER,
        331,
        "Training in few contexts so chosen beats training in all of them for as long",
        "success of the best of three agents minus that of one trained in all contexts",
        _SETTING,
        over_all,
        6,
    ),
)
