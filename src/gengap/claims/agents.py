"""What claims about agents are tried on: studies of one seed for each draw, and their policies.

Agents are small perceptrons that learn for a thousand steps, so that a claim takes less than a
minute. Whatever is trained is a run of a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gengap.control.agents import acting
from gengap.control.levels import Levels
from gengap.records.store import Store
from gengap.study.study import Study
from gengap.study.trained import Trained, everything, train_models

MODEL, STEPS = "mlp(64,64)", 1000


class Score(NamedTuple):
    """Mean score of an agent in levels like those it learnt in, and in levels new to it."""

    seen: float
    unseen: float


def reached(
    levels: Levels, methods: Sequence[Any], draw: int, store: str, splits: str, **settings: Any
) -> dict[str, Score]:
    """What agents reach in levels they learnt in and in others, by method.

    Args:
        levels: with the environments that are to be unseen in turn.
        methods: as a study takes them.
        draw: the seed of the study.
        store: address of the records; what they have is not trained again.
        splits: of the study.
        settings: further settings of the study.
    """
    study = _study(levels, methods, draw, store=store, splits=splits, **settings)
    table = study.run().methods.set_index("method")
    return {
        str(name): Score(float(row["score_reference"]), float(row["score_unseen"]))
        for name, row in table.iterrows()
    }


def trained(
    levels: Levels,
    method: Any,
    draw: int,
    store: str,
    rows: Mapping[str, np.ndarray] | None = None,
    at: Sequence[int] = (),
    **settings: Any,
) -> list[Trained]:
    """Agents of one method, each trained on the training part of some units.

    Args:
        rows: ``(n,)`` bool of each agent, by the name that its run gets; one of all units unless
            given.
        at: the steps after which agents are given, ascending; the last unless said.
        settings: further settings of the study.
    """
    if at:
        # A rule that may choose any of them, so that all are kept.
        own = {"checkpoints": ",".join(map(str, at)), "selection": "validation"}
        settings = {"steps": at[-1]} | own | settings
    study = _study(levels, [method], draw, keep_models="all", splits="leave-one-out", **settings)
    whole = everything(study.plan)
    cells = [whole]
    if rows is not None:
        code = levels.environment
        cells = [
            replace(
                whole, name=name, rows=own, slots=min(whole.slots, len(np.unique(code[own]))),
                train=tuple(levels.names[k] for k in np.unique(code[own])),
            )
            for name, own in rows.items()
        ]  # fmt: skip
    plan = replace(study.plan, cells=tuple(cells))
    with Store(store) as records:
        return list(train_models(study, records, plan=plan, steps=at))


def _study(levels: Levels, methods: Sequence[Any], draw: int, **settings: Any) -> Study:
    steps = settings.get("steps", STEPS)
    fixed: dict[str, Any] = {
        "seeds": [draw], "steps": steps, "batch": 8, "model": MODEL, "selection": "last-step",
        "checkpoints": str(steps), "jobs": 1, "threads": 1, "device": "cpu", "keep_models": "none",
        "plain_training": False,
    }  # fmt: skip
    return Study(levels, methods, **{**fixed, **settings})


def scores(agent: Trained, levels: Levels, units: np.ndarray, score: str) -> np.ndarray:
    """What an agent reaches from the starts of some units, ``(n,)``."""
    return levels.arena.scores(acting(agent.model, agent.prepared), units, score)
