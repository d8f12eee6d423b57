"""What each method of a study took: passes in training, and passes for each answer.

A pass over a batch forward and back is what a plain training step takes. Training is counted over
all trials, since all had to be trained to choose from; a remedy of trained models took what they
took. Answers of a plain model take one pass forward.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gengap.records.store import Store
from gengap.study.finding import SpendingRow
from gengap.study.plan import Entry, Plan
from gengap.study.rules import Rule
from gengap.study.scores import Scores
from gengap.training.adapted import BACKWARDS, FORWARDS


def spending(
    plan: Plan, store: Store, scores: Mapping[str, Scores], rule: Rule
) -> list[SpendingRow] | None:
    """A row for each method of networks; None where all took alike."""
    rows = [
        _row(plan, store, scores[entry.name], entry, rule)
        for entry in plan.entries
        if entry.model and entry.name in scores
    ]
    alike = {(round(row.training, 6), row.forwards, row.backwards) for row in rows}
    return rows if len(alike) > 1 else None


def _row(plan: Plan, store: Store, scores: Scores, entry: Entry, rule: Rule) -> SpendingRow:
    trained = entry
    while trained.remedy is not None:
        trained = trained.remedy.of
    forwards, backwards = _answering(store, scores, entry, rule)
    return SpendingRow(entry.name, _training(plan, store, trained), forwards, backwards)


def _training(plan: Plan, store: Store, entry: Entry) -> float:
    """Passes of all trials of an unseen run, on average over splits and seeds."""
    places = {
        run.key: (run.split, run.seed) for run, cell in plan.runs_of(entry) if cell.role == "unseen"
    }
    passes = sum(stored.passes for stored in store.runs(keys=list(places)))
    return passes / max(len(set(places.values())), 1)


def _answering(store: Store, scores: Scores, entry: Entry, rule: Rule) -> tuple[float, float]:
    """Passes forward and back for each answer, of the runs and checkpoints that a rule keeps."""
    if entry.remedy is None or entry.remedy.kind != "adapter":
        return 1.0, 0.0
    choices, _ = scores.choices(rule)
    kept = {one.key: one.step for one, _ in choices.values()}
    noted = store.curves(list(kept))

    def mean(name: str) -> float:
        values = [
            float(value)
            for key, step in kept.items()
            for at, value in zip(*noted.get((key, name), ((), ())), strict=True)
            if at == step
        ]
        return float(np.mean(values)) if values else float("nan")

    return mean(FORWARDS), mean(BACKWARDS)
