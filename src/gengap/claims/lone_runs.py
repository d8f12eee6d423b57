"""What runs of a study came to, where a claim needs no reference beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gengap.models.networks import Network
from gengap.records.run import Part
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.study.study import Study
from gengap.study.trained import trained_model


@dataclass(frozen=True)
class LoneRun:
    """A run after its last step.

    Attributes:
        cell: what it trained on, and what was left out.
        rows: ``(n,)`` rows that were kept apart.
        said: ``(n, ...)`` what is recorded of them: predictions, or scores of examples.
        network: as trained, where the study keeps models.
    """

    cell: Cell
    rows: np.ndarray
    said: np.ndarray
    network: Network | None


def lone_study(problem: Any, methods: Sequence[Any], *, steps: int, **settings: Any) -> Study:
    """A study that is scored after its last step, on one processor."""
    return Study(
        problem, list(methods), steps=steps,
        **{
            "checkpoints": str(steps), "selection": "last-step", "keep_models": "none", "jobs": 1,
            "threads": 1, "device": "cpu", "plain_training": False, **settings,
        },
    )  # fmt: skip


def lone_runs(
    study: Study, store: str, parts: Sequence[Part] = ("test",)
) -> tuple[list[LoneRun], ...]:
    """The runs of each method that leave something out, split by split and seed by seed.

    Args:
        parts: of the rows kept apart, those that are read.
    """
    study.validate()
    plan, last = replace(study.plan, cells=study.plan.unseen), study.scored_at[-1]
    with Store(store) as records:
        study.carry_out(records, plan)
        found = []
        for runs in plan.runs.values():
            own = []
            for run, cell in runs:
                said = [records.outcomes([run.key], p)[run.key, last].predicted for p in parts]
                rows = [plan.example_set(run.seed, part).example for part in parts]
                network = None
                if study.keep_models == "all":
                    network = trained_model(study, records, plan, run, cell, last).model
                own.append(LoneRun(cell, np.concatenate(rows), np.concatenate(said), network))
            found.append(own)
    return tuple(found)


def lone_scores(study: Study, store: str) -> dict[str, float]:
    """The mean score in each environment, on rows kept apart, of what a split's training made.

    Args:
        study: of one method, split and seed, scored after its last step.
    """
    ((run,),) = lone_runs(study, store, ("validation", "test"))
    where = study.problem.environment[run.rows]
    return {name: float(run.said[where == k].mean()) for k, name in enumerate(study.problem.names)}
