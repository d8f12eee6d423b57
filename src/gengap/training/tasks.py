"""What the fleet is asked to train: one task per run, with its rows and its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from gengap.base.seeds import generator
from gengap.environments.parts import rows_of_each
from gengap.methods.orders import Order, in_laps, laps
from gengap.records.run import FinishedRun, KeptModel, Outcome, Part, Run


@dataclass(frozen=True)
class Task:
    """One run and everything its training reads.

    Attributes:
        run: the run's description.
        train: row numbers per training environment.
        prepared: what the problem made of the training rows (``Problem.prepare``).
        score: units to score at each checkpoint, by part.
        unlabelled: units whose inputs a method may see without their targets; which they are is
            in the method's record. None for methods that see no such.
        scores: whether outcomes are to hold the scores of classes.
        order: in which its method is shown the rows of an environment.
    """

    run: Run
    train: tuple[np.ndarray, ...]
    prepared: Any = None
    score: dict[Part, np.ndarray] = field(default_factory=dict)
    unlabelled: np.ndarray | None = None
    scores: bool = False
    order: Order = in_laps

    @cached_property
    def train_rows(self) -> np.ndarray:
        """All training rows, in the order of environments."""
        return np.concatenate(self.train)


def finished(
    task: Task,
    outcomes: Sequence[Outcome],
    seconds: float,
    passes: float,
    examples: int,
    models: Sequence[KeptModel] = (),
    curves: Mapping[str, np.ndarray] | None = None,
) -> FinishedRun:
    """Wrap up one run."""
    return FinishedRun(
        task.run,
        tuple(outcomes),
        seconds,
        passes,
        examples,
        versions(),
        tuple(models),
        curves or {},
    )


@cache
def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    return {name: version(name) for name in ("gengap", "numpy", "scikit-learn", "torch")}


def draw_unlabelled(task: Task, steps: int, count: int) -> np.ndarray:
    """Draw every step's unlabelled rows, ``(steps, count)`` int32, without end as batches are."""
    assert task.unlabelled is not None
    draw = generator(task.run.seed, "unlabelled", task.run.split, task.run.left_out)
    return laps(draw, task.unlabelled, steps * count).reshape(steps, count).astype(np.int32)


def draw_batches(task: Task, steps: int, slots: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw every step's rows ``(steps, slots, batch)`` and environments ``(steps, slots)``, int32.

    Each environment's rows are walked through in the task's order: shuffled, anew each time they
    run out, unless its method asks for another.
    With fewer slots than environments, each step uses a random choice of them, so that a
    reference run with one more environment sees exactly as many examples. An environment whose
    few rows are all scored under a seed leaves fewer than slots; then some fill two.
    """
    count = len(task.train)
    draw = generator(task.run.seed, "batches", task.run.split, task.run.left_out)
    if slots == count:
        environment = np.tile(np.arange(count, dtype=np.int32), (steps, 1))
    else:
        order = draw.random((steps, count)).argsort(1).astype(np.int32)
        environment = order[:, np.arange(slots) % count]
    rows = np.empty((steps * slots, batch), np.int32)
    places, ends = rows_of_each(environment.ravel(), count)
    for own, (start, end) in zip(task.train, pairwise(ends), strict=True):
        mine = places[start:end]
        rows[mine] = task.order(draw, own, mine // slots / steps, batch)
    return rows.reshape(steps, slots, batch), environment
