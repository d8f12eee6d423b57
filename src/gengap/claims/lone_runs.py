"""Scores of a study's one run, where a claim needs no reference beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gengap.records.run import Part
from gengap.records.store import Store
from gengap.study.study import Study


def lone_scores(study: Study, store: str) -> dict[str, float]:
    """The mean score in each environment, on rows kept apart, of what a split's training made.

    Args:
        study: of one method, split and seed, scored after its last step.
    """
    study.validate()
    plan = replace(study.plan, cells=study.plan.unseen)
    ((run, _),) = (own for runs in plan.runs.values() for own in runs)
    parts: tuple[Part, ...] = ("validation", "test")
    with Store(store) as records:
        study.carry_out(records, plan)
        found = [
            records.outcomes([run.key], part)[run.key, study.scored_at[-1]].predicted
            for part in parts
        ]
    rows = np.concatenate([plan.example_set(run.seed, part).example for part in parts])
    scores, where = np.concatenate(found), study.problem.environment[rows]
    return {name: float(scores[where == k].mean()) for k, name in enumerate(study.problem.names)}
