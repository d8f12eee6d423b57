"""What a plan is made from: paired differences of a study's selected runs, example by example."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gengap.study.metrics import Metric
from gengap.study.result import Result


@dataclass(frozen=True)
class PairedDifferences:
    """A long table of differences, one entry per test example, split and seed.

    Attributes:
        difference: ``(n,)`` in the unit of the score, larger is better turned round for losses: the
            score of the reference minus that of the unseen run, or of the method minus the other.
        environment: ``(n,)`` environment codes.
        seed: ``(n,)`` which replicate: the seed's position, and beyond the number of seeds the
            further splits in which the environment is unseen.
        example: ``(n,)`` row numbers.
        runs: how many runs the study trained for them, all trials.
        shared_runs: how many of them are references shared by environments.
    """

    difference: np.ndarray
    environment: np.ndarray
    seed: np.ndarray
    example: np.ndarray
    runs: int
    shared_runs: int


def paired_differences(
    result: Result, method: str, against: str | None = None, metric: Metric | None = None
) -> PairedDifferences:
    """The cost of unseen of a method, or with ``against`` how much better it is than another.

    Raises:
        UsageError: a method that was not run.
    """
    p = result.paired_under(method, metric)
    sign = 1.0 if (metric or result.plan.score).higher_is_better else -1.0
    if against is None:
        difference = sign * (p.reference - p.unseen)
        unseen, references = _count(result, method, "unseen"), _count(result, method, "reference")
    else:
        difference = sign * (p.unseen - result.paired_under(against, metric).unseen)
        unseen = sum(_count(result, name, "unseen") for name in (method, against))
        references = 0
    return PairedDifferences(
        difference, p.environment, p.seed, p.example, unseen + references, references
    )


def scores_by_training_environments(
    results: Iterable[Result], method: str, metric: Metric | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Number of training environments ``(m,)`` of each run, and its mean score on unseen ones.

    The environments of a run weigh equally. Studies without the method add nothing.
    """
    counts: list[int] = []
    means: list[float] = []
    for result in results:
        if method not in result.scores:
            continue
        p = result.paired_under(method, metric)
        for cell in result.plan.unseen:
            codes = [result.plan.problem.environments.index(name) for name in cell.unseen]
            held_out = cell.held_out[p.example]
            for seed in range(len(result.plan.seeds)):
                mine = held_out & (p.seed % len(result.plan.seeds) == seed)
                own = [p.unseen[mine & (p.environment == k)] for k in codes]
                counts.append(len(cell.train))
                means.append(float(np.mean([values.mean() for values in own if len(values)])))
    return np.array(counts), np.array(means)


def _count(result: Result, method: str, role: str) -> int:
    return sum(run.role == role for run, _ in result.plan.runs[method])
