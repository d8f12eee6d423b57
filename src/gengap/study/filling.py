"""What is known of a study while it runs: per method and split, the means over seeds so far.

Of default hyperparameters at the end of training. The rule that the study states chooses only when
every run is there, so the table of the report may differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.records.store import Store
from gengap.study.plan import Plan
from gengap.study.scores import Scores


@dataclass(frozen=True)
class Filled:
    """A method in one split so far.

    Attributes:
        method, split: which.
        done, of: seeds that are scored, and planned.
        unseen, reference: mean scores on the split's unseen rows; NaN before the first seed.
        cost: what not having seen them costs, positive for worse off.
    """

    method: str
    split: str
    done: int
    of: int
    unseen: float
    reference: float
    cost: float


class Filling:
    """Reads what finishes while a study runs, each run once.

    Args:
        plan: the study's plan.
        store: its records, which another thread fills.
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan, self.store = plan, store
        self._scores: dict[tuple[str, str, int], tuple[float, float]] = {}
        self._readers = {entry.name: Scores(plan, store, entry.name) for entry in plan.entries}
        self._pairs = {entry.name: _pairs(plan, entry.name) for entry in plan.entries}

    def rows(self) -> list[Filled]:
        """One row per method and split, in the plan's order."""
        for name, pairs in self._pairs.items():
            self._read(name, [place for place in pairs if (name, *place) not in self._scores])
        return [
            self._row(entry.name, cell.name)
            for entry in self.plan.entries
            for cell in self.plan.unseen
        ]

    def _row(self, method: str, split: str) -> Filled:
        own = [self._scores.get((method, split, seed)) for seed in self.plan.seeds]
        found = np.array([pair for pair in own if pair is not None]).reshape(-1, 2)
        unseen, reference = found.mean(0) if len(found) else (np.nan, np.nan)
        sign = 1.0 if self.plan.score.higher_is_better else -1.0
        cost = float(sign * (reference - unseen))
        count = len(self.plan.seeds)
        return Filled(method, split, len(found), count, float(unseen), float(reference), cost)

    def _read(self, method: str, places: list[tuple[str, int]]) -> None:
        pairs = {place: self._pairs[method][place] for place in places}
        there = self.store.finished(key for pair in pairs.values() for key in pair)
        ready = {place: pair for place, pair in pairs.items() if there.issuperset(pair)}
        outcomes = self.store.outcomes({k for pair in ready.values() for k in pair}, "test")
        last: dict[str, int] = {}
        for key, step in outcomes:
            last[key] = max(step, last.get(key, step))
        reader = self._readers[method]
        cells = {cell.name: cell for cell in self.plan.unseen}
        for (split, seed), pair in ready.items():
            examples, rows = reader.examples(seed, "test"), cells[split].held_out
            unseen, reference = (
                reader.mean_over_environments(outcomes[key, last[key]], examples, rows)
                for key in pair
            )
            self._scores[method, split, seed] = (unseen, reference)


def _pairs(plan: Plan, method: str) -> dict[tuple[str, int], tuple[str, str]]:
    """Keys of the unseen run and of its reference, first trial, by split and seed."""
    keys = {
        (run.role, run.split, run.seed): run.key for run, _ in plan.runs[method] if run.trial == 0
    }
    return {
        (cell.name, seed): (
            keys["unseen", cell.name, seed],
            keys[plan.reference(cell).role, cell.reference, seed],
        )
        for cell in plan.unseen
        for seed in plan.seeds
    }
