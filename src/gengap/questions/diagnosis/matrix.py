"""One table of a study's selected runs x examples: who predicted what, and whether it was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gengap.base.errors import UsageError
from gengap.records.run import Part, Problem, Run
from gengap.records.store import Store
from gengap.study.result import Result
from gengap.study.rules import Candidate
from gengap.study.scores import Scores

# Runs whose outcomes are in memory at once, besides the table.
BATCH = 32


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
    runs: tuple[Run, ...]
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
            [[name in run.unseen_environments for name in names] for run in self.runs]
        )
        return held_out[:, self.environment] & (self.predicted >= 0)


# What is predicted where answers are more or less wrong.
PREDICTS = {
    "regression": "(it predicts numbers), ",
    "ordinal": "(it predicts ranks of ordered categories, and --task classification would predict "
    "the categories), ",
    "survival": "(it predicts who lasts longer), ",
}


def correctness(result: Result, part: Part | None = "test") -> Matrix:
    """Read the runs that a classification study's selection rule keeps for unseen environments.

    Args:
        result: the study's result, from its records or from the study itself.
        part: ``"test"``, ``"validation"``, or None for both: all that a run did not train on. Seeds
            have different test parts, so two of them meet on few or no test examples alone.

    Raises:
        UsageError: the study is of another kind than classification.
    """
    plan, store = result.plan, result.store
    if plan.problem.targets:
        raise UsageError(
            f"{plan.problem.name!r} has {len(plan.problem.targets)} targets, so a row is not right "
            "or wrong as a whole; run a study of one of them for this."
        )
    if plan.problem.task != "classification":
        raise UsageError(
            f"{plan.problem.name!r} is no classification {PREDICTS.get(plan.problem.task, '')}so "
            "its answers are not right or wrong; this needs a classification problem."
        )
    kept = {c.key: c.step for scores in result.scores.values() for c in _kept(scores, result)}
    runs = [
        run
        for members in plan.runs.values()
        for run, cell in members
        if cell.role == "unseen" and run.key in kept
    ]
    parts: tuple[Part, ...] = ("test", "validation") if part is None else (part,)
    reader = next(iter(result.scores.values()))
    sets = {(seed, name): reader.examples(seed, name) for seed in plan.seeds for name in parts}
    example, first = np.unique(
        np.concatenate([found.example for found in sets.values()]), return_index=True
    )
    narrow = np.min_scalar_type(-max(len(plan.problem.classes), 1))
    predicted = np.full((len(runs), len(example)), -1, dtype=narrow)
    for row, name, codes in _predictions(store, runs, kept, parts):
        columns = np.searchsorted(example, sets[runs[row].seed, name].example)
        predicted[row, columns] = codes
    return Matrix(
        predicted=predicted,
        target=np.concatenate([found.target for found in sets.values()])[first],
        example=example,
        environment=np.concatenate([found.environment for found in sets.values()])[first],
        runs=tuple(runs),
        problem=plan.problem,
    )


def _kept(scores: Scores, result: Result) -> Iterator[Candidate]:
    choices, _ = scores.choices(result.rule)
    for unseen, _ in choices.values():
        yield unseen


def _predictions(
    store: Store, runs: list[Run], kept: Mapping[str, int], parts: tuple[Part, ...]
) -> Iterator[tuple[int, Part, np.ndarray]]:
    """Row, part and class codes of each run at the step that is kept."""
    for start in range(0, len(runs), BATCH):
        rows = {run.key: start + i for i, run in enumerate(runs[start : start + BATCH])}
        for part in parts:
            outcomes = store.outcomes(rows, part, {kept[key] for key in rows})
            for key, row in rows.items():
                yield row, part, outcomes[key, kept[key]].predicted
