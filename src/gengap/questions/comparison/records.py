"""Score tables from gengap's own records."""

from __future__ import annotations

import numpy as np

from gengap.questions.comparison.table import ScoreTable
from gengap.records.store import Store
from gengap.records.studies import choice
from gengap.study.metric_names import metric_for
from gengap.study.result import read_result


def from_store(store: Store, *, study: str | None = None, metric: str | None = None) -> ScoreTable:
    """The unseen scores of a recorded study: method x unseen environment x seed.

    The runs are those that the study's own selection rule keeps, so the table's means are the
    study's own figures. An environment that several splits leave unseen has the mean of them.

    Args:
        store: the records.
        study: see :func:`gengap.study.result.read_result`; None for the one carried out last.
        metric: see :mod:`gengap.study.metrics`; None for the study's own.

    Raises:
        UsageError: no finished study, none of that name, an unknown metric.
    """
    result = read_result(store, study)
    problem = result.plan.problem
    measure = result.plan.score
    if metric:
        measure = metric_for(metric, problem.task, len(problem.classes))
    table = np.stack(
        [scores.cells(result.paired_under(name, measure)) for name, scores in result.scores.items()]
    )
    unseen = np.isfinite(table).any(axis=(0, 2))
    names = result.plan.problem.environments
    note = choice(store, result.execution.study) if study is None else ""
    return ScoreTable(
        table[:, unseen],
        tuple(result.scores),
        tuple(name for name, keep in zip(names, unseen, strict=True) if keep),
        tuple(map(str, result.plan.seeds)),
        higher_is_better=measure.higher_is_better,
        paired=True,
        name=result.name,
        metric=measure.name,
        notes=(note,) if note else (),
    )
