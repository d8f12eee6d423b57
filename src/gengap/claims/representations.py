"""Features learnt from many tasks that nobody tells apart, for a new one with few demonstrations.

D. Brandfonbrener, O. Nachum & J. Bruna, Inverse dynamics pretraining learns good representations
for multitask imitation (arXiv 2305.16985): where demonstrations are of many tasks and the task is
not seen, features that tell what was done between two views serve a new task better than those
that clone or foresee. Here the tasks are goals in one room, which no observation shows. An
observation is 60 numbers, a random linear mixture of the place's row and column and of twenty
numbers that are drawn for each place and mean nothing. Features are learnt from walks to thirty
goals and kept as they are; from three walks each to ten further goals a policy is cloned that sees
the features alone, and walks from other starts.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from gengap.base.seeds import generator
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.agents import prepared_by
from gengap.control.behaviour import ordinal
from gengap.control.compiled import as_levels
from gengap.control.grids import Cells, inside, walk_tables
from gengap.control.levels import Levels
from gengap.control.table_arena import TableArena
from gengap.methods.inverse_dynamics import PAPER
from gengap.study.trained import Trained

SIDE, OBSTACLES, KNOWN, NEW, STARTS = 11, 0.1, 30, 10, 20
LOGGED = 5  # starts that a new goal is learnt from, of which three are the training part
SEEN, DETAIL, LOUD = 60, 20, 2.0  # numbers of a view; those that mean nothing, and how large
FEATURES, BEFORE, AFTER = "mlp(64,16)", 2000, 500
INVERSE, FORWARD, CLONE, NONE = "inverse-dynamics", "forward-dynamics", "bc", "none"


def over_cloning(draw: int, store: str) -> float:
    """Success at new goals, features that tell actions minus features that clone."""
    return _success(draw, store, INVERSE) - _success(draw, store, CLONE)


def over_foreseeing(draw: int, store: str) -> float:
    """Success at new goals, features that tell actions minus features that foresee."""
    return _success(draw, store, INVERSE) - _success(draw, store, FORWARD)


def over_none(draw: int, store: str) -> float:
    """Success at new goals, features that tell actions minus cloning from the views themselves."""
    return _success(draw, store, INVERSE) - _success(draw, store, NONE)


@lru_cache(maxsize=8)
def _success(draw: int, store: str, aim: str) -> float:
    """Mean over new goals, from starts that no demonstration of theirs began in."""
    levels = hidden_goals(draw)
    known = levels.environment < KNOWN
    if aim != NONE:
        entry = aim if aim == CLONE else {aim: {"share": 1.0}}
        (before,) = trained(
            levels, entry, draw, store, {"known": known}, model=FEATURES, steps=BEFORE
        )
        levels = seen_through(levels, before)
    shown = ordinal(levels.environment) < LOGGED
    goals = {f"goal {goal}": levels.environment == goal for goal in range(KNOWN, KNOWN + NEW)}
    rows = {name: own & shown for name, own in goals.items()}
    agents = trained(levels, CLONE, draw, store, rows, steps=AFTER, batch=32)
    found = [
        scores(agent, levels, np.flatnonzero(own & ~shown), "success").mean()
        for agent, own in zip(agents, goals.values(), strict=True)
    ]
    return float(np.mean(found))


@torch.no_grad()
def seen_through(levels: Levels, before: Trained) -> Levels:
    """The levels whose observations are what a trained network's features are of them."""
    prepare = prepared_by(before.prepared)

    def features(seen: np.ndarray) -> np.ndarray:
        flat = torch.from_numpy(seen.reshape(-1, *levels.shape))
        found = before.model(prepare(flat)[None]).features[0].numpy()
        return found.reshape(*seen.shape[: seen.ndim - len(levels.shape)], -1)

    arena = levels.arena
    assert isinstance(arena, TableArena)
    tables = replace(arena.tables, observation=features(arena.tables.observation))
    logs = replace(levels.logs, observations=features(levels.logs.observations))
    return replace(levels, logs=logs, arena=replace(arena, tables=tables))


@lru_cache(maxsize=1)
def hidden_goals(draw: int) -> Levels:
    """One room with obstacles under many goals that are not seen, the expert's walks to each."""
    rng, count = generator(draw, "claims about representations"), KNOWN + NEW
    free = inside(np.array([SIDE])) & (rng.random((1, SIDE, SIDE)) >= OBSTACLES)
    cells = Cells(np.repeat(free, count, 0))
    places = int(free.sum())
    goal = rng.permutation(places)[:count]
    start = np.stack([rng.permutation(np.delete(np.arange(places), g))[:STARTS] for g in goal])
    tables = walk_tables(
        cells, goal, start, reach=1, horizon=4 * SIDE,
        factors=pd.DataFrame({"level": [f"goal {number}" for number in range(count)]}),
    )  # fmt: skip
    where = (cells.place[0] - SIDE // 2) / (SIDE / 4)
    told = np.concatenate([where, LOUD * rng.normal(size=(places, DETAIL))], 1)
    view = (told @ rng.normal(size=(told.shape[1], SEEN))).astype(np.float32)
    tables = replace(tables, observation=np.repeat(view[None], count, 0))
    return as_levels(tables, "hidden goals", "goal", "expert", draw, unsolvable="keep")


_SETTING = (
    f"30 goals of one room to learn features from, ten others with three walks each; 60 numbers of "
    f"a random mixture are seen, and no goal; features of {FEATURES}, perceptron that clones"
)


def _claim(name: str, says: str, positive: str, measure: object) -> Claim:
    told = f"success at goals that features were not learnt from, {positive}"
    return Claim(name, PAPER, 745, says, told, _SETTING, measure, 8)  # type: ignore[arg-type]


CLAIMS = (
    _claim(
        "inverse-dynamics-over-cloning",
        "Features that tell what was done transfer to a new task better than those that clone",
        "pretrained by inverse dynamics minus by cloning",
        over_cloning,
    ),
    _claim(
        "inverse-dynamics-over-foreseeing",
        "They transfer better than features that foresee what is seen next",
        "pretrained by inverse dynamics minus by forward dynamics",
        over_foreseeing,
    ),
    _claim(
        "inverse-dynamics-over-none",
        "They make few demonstrations go further than no pretraining does",
        "pretrained by inverse dynamics minus cloned from what is seen",
        over_none,
    ),
)
