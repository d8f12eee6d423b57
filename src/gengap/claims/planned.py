"""Walks that nobody rewarded: values learnt from them, or dynamics to plan with.

V. Sobal, W. Zhang, K. Cho, R. Balestriero, T. Rudner & Y. LeCun, Learning from reward-free offline
data: a case for planning with latent dynamics models (arXiv 2502.14819): goal-conditioned learning
of values excels where good data abound; planning in a learnt latent space does in new layouts,
where ways must be stitched together, and where data are few. Here layouts are two rooms with a
door, ten to learn from and ten others; data are good where walks lead straight from place to place.
Values are learnt by implicit Q-learning from stretches of the walks that are told as if their ends
had been wanted; planning is a search through codes that a predictor foresees, which the source does
by sampling. Each is asked for 100 ways between places drawn at random.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from gengap.base.seeds import generator
from gengap.claims.agents import trained
from gengap.claims.claim import Claim
from gengap.control.agents import acting
from gengap.control.suites.two_rooms import two_rooms
from gengap.control.table_arena import TableArena
from gengap.methods.registry import method_info

PAPER = method_info("latent-planning").paper
LAYOUTS, KNOWN, WAYS, BATCH = 20, 10, 100, 26
VALUES, PLANS = "iql", "latent-planning"
# A plan alone, without a clone's habits, as far as from one corner to another.
ENTRIES: dict[str, Any] = {VALUES: VALUES, PLANS: {PLANS: {"habit": 0, "depth": 18, "beam": 12}}}
# Walks of each layout, moves of each, and stretches of each that are told.
PLENTY, FEW, SHORT = (80, 16, 4), (5, 16, 64), (320, 4, 2)


def values_with_plenty(draw: int, store: str) -> float:
    """Success in known layouts by many good walks, values minus plans."""
    return _success(draw, store, VALUES, PLENTY)[0] - _success(draw, store, PLANS, PLENTY)[0]


def plans_in_new_layouts(draw: int, store: str) -> float:
    """Success in new layouts by many good walks, plans minus values."""
    return _success(draw, store, PLANS, PLENTY)[1] - _success(draw, store, VALUES, PLENTY)[1]


def plans_with_few(draw: int, store: str) -> float:
    """Success in known layouts by few walks, plans minus values."""
    return _success(draw, store, PLANS, FEW)[0] - _success(draw, store, VALUES, FEW)[0]


def plans_that_stitch(draw: int, store: str) -> float:
    """Success in known layouts by many short walks, plans minus values."""
    return _success(draw, store, PLANS, SHORT)[0] - _success(draw, store, VALUES, SHORT)[0]


@lru_cache(maxsize=8)
def _success(
    draw: int, store: str, method: str, walked: tuple[int, int, int]
) -> tuple[float, float]:
    """In known layouts and in new ones."""
    levels = two_rooms(LAYOUTS, *walked, seed=draw)
    known = levels.environment < KNOWN
    (agent,) = trained(
        levels, ENTRIES[method], draw, store, {f"{walked[0]} walks": known}, batch=BATCH
    )
    assert isinstance(levels.arena, TableArena)
    tables = levels.arena.tables
    places, rng = tables.next_state.shape[1], generator(draw, "claims about plans")
    found = []
    for first in (0, KNOWN):
        layout = rng.integers(first, first + LAYOUTS // 2, WAYS)
        goal = rng.integers(places, size=WAYS)
        begin = (goal + rng.integers(1, places, WAYS)) % places
        ways = TableArena(tables, layout * places + goal, begin)
        policy = acting(agent.model, agent.prepared)
        found.append(float(ways.scores(policy, np.arange(WAYS), "success").mean()))
    return found[0], found[1]


_SETTING = "two rooms with a door, ten layouts; perceptrons, 1,000 steps; iql and latent-planning"


def _claim(name: str, says: str, positive: str, measure: Any) -> Claim:
    return Claim(name, PAPER, 214, says, f"success {positive}", _SETTING, measure, 5)


CLAIMS = (
    _claim(
        "values-with-plenty",
        "Where good data abound, learnt values excel",
        "in known layouts from 80 straight walks of 16 moves each, values minus plans",
        values_with_plenty,
    ),
    _claim(
        "plans-in-new-layouts",
        "Planning with latent dynamics excels in new layouts",
        "in ten other layouts from 80 straight walks of 16 moves each, plans minus values",
        plans_in_new_layouts,
    ),
    _claim(
        "plans-with-few-data",
        "It excels with few data",
        "in known layouts from five walks of 16 moves each, plans minus values",
        plans_with_few,
    ),
    _claim(
        "plans-that-stitch",
        "It excels where ways must be stitched together",
        "in known layouts from 320 walks of four moves each, plans minus values",
        plans_that_stitch,
    ),
)
