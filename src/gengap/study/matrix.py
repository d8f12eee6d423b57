"""From a store to one table of runs x examples: who predicted what, and whether it was right."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gengap.base.errors import UsageError, listing
from gengap.records.rows import StoredRun
from gengap.records.run import Part, Problem, Role
from gengap.records.store import Store

# Runs whose outcomes are in memory at once, besides the table.
BATCH = 32
UNSEEN: tuple[Role, ...] = ("unseen",)


@dataclass(frozen=True)
class Matrix:
    """Predictions of ``R`` runs on the ``N`` examples that at least one of them was scored on.

    Attributes:
        predicted: ``(R, N)`` class codes, -1 where a run was not scored on an example.
        target: ``(N,)`` true class codes.
        example: ``(N,)`` row numbers in the problem's data, ascending.
        environment: ``(N,)`` environment codes.
        runs: the runs, in the order of the rows.
        problem: the data in words.
    """

    predicted: np.ndarray
    target: np.ndarray
    example: np.ndarray
    environment: np.ndarray
    runs: tuple[StoredRun, ...]
    problem: Problem

    @cached_property
    def scores(self) -> np.ndarray:
        """``(R, N)`` float32: 1 right, 0 wrong, NaN not scored."""
        scores = (self.predicted == self.target).astype(np.float32)
        scores[self.predicted < 0] = np.nan
        return scores

    @cached_property
    def unseen(self) -> np.ndarray:
        """``(R, N)`` whether a run was scored on an example of an environment it never saw."""
        names = self.problem.environments
        held_out = np.array(
            [[name in run.run.unseen_environments for name in names] for run in self.runs]
        )
        return held_out[:, self.environment] & (self.predicted >= 0)

    @cached_property
    def labels(self) -> list[str]:
        """One line per run: method, split, seed, and the trial unless it is the first."""
        return [
            f"{run.method}, {run.split}, seed {run.seed}" + f", trial {run.trial}" * (run.trial > 0)
            for run in (stored.run for stored in self.runs)
        ]


def correctness(
    store: Store,
    problem: str | None = None,
    part: Part | None = "test",
    roles: Collection[Role] = UNSEEN,
) -> Matrix:
    """Read the last checkpoint of every run of a classification problem.

    Args:
        store: the records.
        problem: fingerprint; None where the store has one problem.
        part: ``"test"``, ``"validation"``, or None for both: all that a run did not train on. Seeds
            have different test parts, so two of them meet on few or no test examples alone.
        roles: the runs to read.

    Raises:
        UsageError: no such problem or runs, several problems to choose from, a regression.
    """
    about = _the_problem(store, problem)
    runs = [run for run in store.runs(about.fingerprint) if run.run.role in roles]
    if not runs:
        raise UsageError(
            f"{store!r} has no runs of {about.name!r} scored on unseen environments; "
            "finish the study first (gengap run continues it)."
        )
    parts: tuple[Part, ...] = ("test", "validation") if part is None else (part,)
    sets = {
        (seed, name): store.examples(about.fingerprint, seed, name)
        for seed in sorted({run.run.seed for run in runs})
        for name in parts
    }
    example, first = np.unique(
        np.concatenate([found.example for found in sets.values()]), return_index=True
    )
    narrow = np.min_scalar_type(-max(len(about.classes), 1))
    predicted = np.full((len(runs), len(example)), -1, dtype=narrow)
    for row, name, codes in _last_predictions(store, runs, parts):
        columns = np.searchsorted(example, sets[runs[row].run.seed, name].example)
        predicted[row, columns] = codes
    return Matrix(
        predicted=predicted,
        target=np.concatenate([found.target for found in sets.values()])[first],
        example=example,
        environment=np.concatenate([found.environment for found in sets.values()])[first],
        runs=tuple(runs),
        problem=about,
    )


def _the_problem(store: Store, fingerprint: str | None) -> Problem:
    known = store.problems()
    if fingerprint is not None:
        about = store.problem(fingerprint)
    elif len(known) == 1:
        about = known[0]
    else:
        names = listing(f"{p.name} ({p.fingerprint[:12]})" for p in known)
        raise UsageError(
            f"{store!r} holds several problems, {names}; say which."
            if known
            else f"{store!r} holds no problem; run a study into it first."
        )
    if about.task != "classification":
        raise UsageError(
            f"{about.name!r} is a regression, whose answers are not right or wrong; "
            "this needs a classification problem."
        )
    return about


def _last_predictions(
    store: Store, runs: list[StoredRun], parts: tuple[Part, ...]
) -> Iterator[tuple[int, Part, np.ndarray]]:
    """Row, part and class codes of each run at its last checkpoint."""
    for start in range(0, len(runs), BATCH):
        rows = {run.run.key: start + i for i, run in enumerate(runs[start : start + BATCH])}
        for part in parts:
            outcomes = store.outcomes(rows, part)
            last: dict[str, int] = {}
            for key, step in outcomes:
                last[key] = max(step, last.get(key, step))
            for key, step in last.items():
                yield rows[key], part, outcomes[key, step].predicted
