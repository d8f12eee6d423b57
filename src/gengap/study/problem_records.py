"""What the records say of the problem that a study runs on, and of its units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gengap.records.run import Problem
from gengap.records.study import Units


def problem_record(problem: Any) -> Problem:
    """What the records say of a problem."""
    return Problem(
        fingerprint=problem.fingerprint,
        name=problem.name,
        task=task_of(problem),
        environments=problem.names,
        classes=problem.classes,
        examples=len(problem),
        target_variance=float(np.var(problem.y)) if problem.task == "regression" else 0.0,
        kind=problem.kind,
        targets={
            name: float(np.var(column))
            for name, column in zip(targets_of(problem), np.transpose(problem.y), strict=False)
        },
    )


def task_of(problem: Any) -> Any:
    """What is measured of a problem's targets: their kind, or how they are scaled."""
    return getattr(problem, "scale", "") or problem.task


def targets_of(problem: Any) -> tuple[str, ...]:
    """What several targets of a problem are called; empty for one."""
    return tuple(getattr(problem, "target_names", ()))


def units_record(problem: Any) -> Units:
    """Who the units of a problem are, as the records keep it."""
    return Units(
        environment=np.asarray(problem.environment),
        target=np.asarray(problem.y),
        factors={str(name): _plain_column(problem.factors[name]) for name in problem.factors},
    )


def _plain_column(column: pd.Series) -> np.ndarray:
    """Numbers as float64, anything else as text."""
    values = column.to_numpy()
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    return np.array([str(value) for value in values], dtype=object)
