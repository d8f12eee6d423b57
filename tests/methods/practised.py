"""Fleets of agents on small levels, without a study around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.control.levels import Levels
from gengap.methods.registry import method_info
from gengap.models.networks import MLP
from gengap.records.run import Run
from gengap.training.tasks import Task
from gengap.training.train import train_fleet


def scores(
    levels: Levels, name: str, seeds: list[int], *, steps: int, batch: int = 8, **values: Any
) -> np.ndarray:
    """What each run reaches from every start after training on all levels, ``(R, n)``."""
    every = np.arange(len(levels))
    train = tuple(np.flatnonzero(levels.environment == k) for k in range(len(levels.names)))
    tasks = [
        Task(
            Run("levels", name, {}, "mlp", "reference", "all", levels.names, (), seed),
            train,
            levels.prepare(every),
            score={"test": every},
        )
        for seed in seeds
    ]
    runs = train_fleet(
        levels, tasks, [method_info(name).method.make(**values)] * len(tasks), MLP((32,)),
        steps=steps, batch=batch, slots=len(train), checkpoints=[steps],
    )  # fmt: skip
    return np.stack([run.outcomes[0].predicted for run in runs])
