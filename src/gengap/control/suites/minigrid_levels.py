"""MiniGrid and BabyAI as a suite: levels of the real simulator, compiled and scored exactly."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gengap.control.babyai_bot import bot_actions
from gengap.control.behaviour import followed
from gengap.control.compiled import Unsolvable, as_levels, check_counts
from gengap.control.levels import Levels
from gengap.control.logs import Logs
from gengap.control.minigrid import minigrid_tables
from gengap.environments.suites import suite

Player = Literal["expert", "suboptimal", "mixed", "replay", "random", "bot"]
# Levels of one seed of the suite are seeds of MiniGrid's from a multiple of this on.
APART = 1_000_000


@suite(
    "minigrid",
    summary="Levels of MiniGrid and BabyAI, played through once and scored exactly.",
    source="MiniGrid (Chevalier-Boisvert et al. 2023), compiled level by level",
    default_splits="halves",
    needs='the extra "gengap[minigrid]"',
)
def minigrid(
    task: str = "FourRooms",
    levels: int = 20,
    starts: int = 4,
    states: int = 20_000,
    data: Player = "expert",
    unsolvable: Unsolvable = "drop",
    seed: int = 0,
) -> Levels:
    """Levels of MiniGrid, with the walks of a player.

    Args:
        task: such as ``FourRooms``, ``DoorKey-6x6`` or BabyAI's ``GoToLocal``, or a full name.
        levels: how many seeds of MiniGrid, from 0 on.
        starts: of each: its own and others before anything is touched.
        states: of a level that are taken on; a level with more is refused.
        data: who walked when the log was written (:mod:`gengap.control.behaviour`), or ``bot``,
            BabyAI's own, which is told no more than what it has seen.
        unsolvable: whether to ``drop`` or ``keep`` starts without a way to a reward.
        seed: decides the levels, from a million times it on, the starts and the log.
    """
    check_counts("minigrid", levels, starts)
    seeds = range(seed * APART, seed * APART + levels)
    tables = minigrid_tables(task, seeds, starts, states, seed)

    def played_by_bot(row: np.ndarray, start: np.ndarray) -> Logs:
        return followed(tables, row, start, bot_actions(task, seeds, tables, row, start))

    return as_levels(
        tables, f"minigrid {task}", "level", data, seed, unsolvable=unsolvable,
        written=played_by_bot if data == "bot" else None,
    )  # fmt: skip
