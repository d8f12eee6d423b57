"""Levels in which what was seen first must be remembered, and a fleet trained on any levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gengap.control.behaviour import logged
from gengap.control.levels import Levels, levels_of
from gengap.control.table_arena import TableArena
from gengap.control.tables import LevelTables
from gengap.methods.base import Method
from gengap.models.networks import MLP
from gengap.records.run import Run
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

WALK = 3  # steps on which any action goes on, before the one that counts


def cues(levels: int = 4, slip: float = 0.0) -> Levels:
    """One of two cues is shown at the start only; the last of four actions must be its number.

    States 0 to 3 are those after the first cue, 4 to 7 those after the second.
    """
    length = WALK + 1
    states = 2 * length
    place = np.arange(states) % length
    last, cue = place == WALK, np.arange(states) // length
    onward = np.where(last, np.arange(states), np.arange(states) + 1)
    reward = (last[:, None] & (np.arange(2) == cue[:, None])).astype(np.float32)
    shown = np.eye(2, dtype=np.uint8)[cue] * (place == 0)[:, None].astype(np.uint8)
    seen = np.concatenate([np.eye(length, dtype=np.uint8)[place], shown], 1)

    def each(array: np.ndarray) -> np.ndarray:
        return np.repeat(array[None], levels, 0)

    names = [f"level {k}" for k in range(levels)]
    tables = LevelTables(
        each(np.repeat(onward[:, None], 2, 1)), each(reward), each(np.repeat(last[:, None], 2, 1)),
        each(seen), np.full(levels, states), np.tile([0, length] * 8, (levels, 1)), length,
        ("left", "right"), pd.DataFrame({"level": names}), np.array([slip], np.float32),
    )  # fmt: skip
    return of_tables(tables)


def of_tables(tables: LevelTables, data: str = "expert") -> Levels:
    """Every start of some tables, each with one logged episode."""
    level = np.repeat(np.arange(len(tables)), tables.start.shape[1])
    start = tables.start.ravel()
    return levels_of(
        level, logged(tables, level, start, data), TableArena(tables, level, start),
        names=list(tables.factors["level"]), actions=tables.actions, name="cues",
    )  # fmt: skip


def tasks_of(levels: Levels, runs: int = 2) -> list[Task]:
    """Runs that train on all levels and are scored on all units."""
    rows = tuple(np.flatnonzero(levels.environment == k) for k in range(len(levels.names)))
    every = np.arange(len(levels))
    return [
        Task(Run("p", "m", {}, "mlp", "unseen", "s", levels.names, ("b",), seed), rows,
             levels.prepare(every), {"test": every})
        for seed in range(runs)
    ]  # fmt: skip


def learnt(levels: Levels, methods: Sequence[Method], steps: int = 200) -> np.ndarray:
    """What methods reach after training on all levels, ``(methods, units)``."""
    found = train_fleet(
        levels, tasks_of(levels, len(methods)), methods, MLP((16,)), steps=steps, batch=8,
        slots=len(levels.names), checkpoints=[steps],
    )  # fmt: skip
    return np.stack([run.outcomes[0].predicted for run in found])
