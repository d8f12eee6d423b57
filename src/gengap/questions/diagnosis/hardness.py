"""Which examples of a study are hard, how far seeds disagree, and which few stand for all.

Everything comes from the runs that the study's selection rule keeps for its unseen environments, on
all that they did not train on (their test and validation parts). Seeds differ in training rows as
well as in initial weights and batches, and so does the churn between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gengap.base.files import json_values
from gengap.base.finding import Finding
from gengap.questions.diagnosis.matrix import Matrix, correctness
from gengap.statistics.churn import Churn, churn
from gengap.statistics.example_order import sort_examples
from gengap.statistics.item_response import fit_item_response
from gengap.statistics.subset_evaluation import choose_examples, expected_half_width
from gengap.study.result import Result

FEW = 50  # examples chosen when nobody says how many, at most a quarter of all
HARDEST = 0.1  # share of examples counted as hardest


@dataclass(frozen=True, repr=False, eq=False)
class Hardness(Finding):
    """What a study's records say of its examples.

    Attributes:
        problem: the problem's name.
        runs: number of runs read.
        examples: one row per example, from easy to hard: ``example`` (row number), ``environment``,
            ``target``, ``runs`` that scored it, ``right`` and ``right_unseen`` (shares, of all and
            of those that never saw its environment), ``difficulty``, ``difficulty_error``,
            ``discrimination``, and whether it is ``chosen`` for the subset.
        environments: one row per environment, hardest first.
        churn: per method the churn between seeds in unseen environments; methods of one seed and
            seeds that share no examples are absent.
        subset: number of examples chosen.
        half_width: half the 95% interval of a new model's score from the subset, at most 1; 0 of
            all examples, NaN where the records cannot tell.
    """

    kind: ClassVar[str] = "diagnosis"
    problem: str
    runs: int
    examples: pd.DataFrame
    environments: pd.DataFrame
    churn: dict[str, Churn]
    subset: int
    half_width: float

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values, a row per example and environment."""
        rows = {
            name: json_values(table.to_dict(orient="records"))
            for name, table in (("examples", self.examples), ("environments", self.environments))
        }
        subset = {"examples": self.subset, "half_width": json_values(self.half_width)}
        return {
            "answer": self.answer,
            "problem": self.problem,
            "runs": self.runs,
            **rows,
            "churn": json_values(self.churn),
            "subset": subset,
        }


def hardness(result: Result, subset: int | None = None, seed: int = 0) -> Hardness:
    """Read a study's examples.

    Args:
        result: the study's result; :func:`~gengap.study.result.read_result` reads one from records.
        subset: how many examples to choose; None for 50, at most a quarter of all.
        seed: decides which are drawn.

    Raises:
        UsageError: see :func:`~gengap.questions.diagnosis.matrix.correctness`; fewer than 2 runs
            or examples; a subset larger than the examples.
    """
    matrix = correctness(result, part=None)
    number = matrix.predicted.shape[1]
    response = fit_item_response(matrix.scores)
    order = sort_examples(matrix.scores)
    size = subset if subset is not None else max(2, min(FEW, number // 4))
    chosen = choose_examples(order, size, seed)
    methods = np.array([run.method for run in matrix.runs])
    table = _example_table(matrix)
    table["difficulty"] = response.difficulty
    table["difficulty_error"] = response.difficulty_error
    table["discrimination"] = response.discrimination
    table["chosen"] = np.isin(np.arange(number), chosen)
    source = methods if len(set(methods)) > 1 else None
    return Hardness(
        problem=matrix.problem.name,
        runs=len(matrix.runs),
        examples=table.iloc[order.examples].reset_index(drop=True),
        environments=_environment_table(table),
        churn=dict(_churns(matrix)),
        subset=size,
        half_width=_half_width(matrix.scores, size, source),
    )


def _half_width(scores: np.ndarray, size: int, source: np.ndarray | None) -> float:
    if size == scores.shape[1]:
        return 0.0
    if len(scores) < 2:
        return float("nan")
    return float(np.minimum(expected_half_width(scores, size, source=source), 1.0))


def _example_table(matrix: Matrix) -> pd.DataFrame:
    about = matrix.problem
    right = matrix.scores == 1
    unseen = matrix.unseen
    with np.errstate(invalid="ignore"):
        share_unseen = (right & unseen).sum(0) / unseen.sum(0)
    scored = (matrix.predicted >= 0).sum(0)
    return pd.DataFrame(
        {
            "example": matrix.example,
            "environment": np.array(about.environments, dtype=object)[matrix.environment],
            "target": np.array(about.classes, dtype=object)[matrix.target],
            "runs": scored,
            "right": right.sum(0) / scored,
            "right_unseen": share_unseen,
        }
    )


def _environment_table(examples: pd.DataFrame) -> pd.DataFrame:
    limit = examples["difficulty"].quantile(1 - HARDEST)
    marked = examples.assign(hardest=examples["difficulty"] >= limit)
    grouped = marked.groupby("environment", sort=False)
    table = grouped.agg(
        examples=("example", "size"),
        right=("right", "mean"),
        right_unseen=("right_unseen", "mean"),
        difficulty=("difficulty", "mean"),
        hardest=("hardest", "mean"),
    )
    return table.sort_values("difficulty", ascending=False, kind="stable").reset_index()


def _churns(matrix: Matrix) -> Iterator[tuple[str, Churn]]:
    """Churn of each method that has two seeds which predicted the same examples."""
    for method in dict.fromkeys(run.method for run in matrix.runs):
        codes = _unseen_predictions(matrix, method)
        if ((codes >= 0).sum(0) >= 2).any():
            yield method, churn(codes, matrix.target, max(len(matrix.problem.classes), 2))


def _unseen_predictions(matrix: Matrix, method: str) -> np.ndarray:
    """``(seeds, N)`` a method's predictions with default hyperparameters, -1 where there are none.

    Each environment is predicted by the run of the first split that holds it out.
    """
    rows = [r for r, run in enumerate(matrix.runs) if run.method == method]
    first_trial = min(matrix.runs[r].trial for r in rows)
    rows = [r for r in rows if matrix.runs[r].trial == first_trial]
    seeds = sorted({matrix.runs[r].seed for r in rows})
    split_of: dict[str, str] = {}
    for r in rows:
        for name in matrix.runs[r].unseen_environments:
            split_of.setdefault(name, matrix.runs[r].split)
    codes = np.full((len(seeds), matrix.predicted.shape[1]), -1)
    names = np.array(matrix.problem.environments, dtype=object)[matrix.environment]
    for r in rows:
        run = matrix.runs[r]
        own = [name for name in run.unseen_environments if split_of[name] == run.split]
        mine = np.isin(names, own)
        codes[seeds.index(run.seed), mine] = matrix.predicted[r, mine]
    return codes
