"""What a model would cost without a column: the study's method trained again on the others.

Shuffling a column asks a model that was trained with it; a model that never had it leans on other
columns instead. Splits, seeds and training parts are those of the study, so that losses pair row by
row. A column whose loss makes unseen environments cheaper and known ones dearer is a shortcut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gengap.base.errors import UsageError, unknown
from gengap.base.progress import Progress
from gengap.questions.diagnosis.material import Losses, Material, material, without
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm
from gengap.statistics.source import mean_of_costs

FEWEST = 3  # environments for limits


@dataclass(frozen=True)
class Refit:
    """A column, and what leaving it out changes; positive is a gain.

    Attributes:
        column: its name.
        outside: by how much less models lose in unseen environments.
        inside: by how much less in those they were trained on.
        cost: by how much the cost of unseen falls.
        adjusted_p: of no change outside, corrected for all columns that were left out.
    """

    column: str
    outside: Interval
    inside: Interval
    cost: Interval
    adjusted_p: float


def refitted(
    about: Material,
    columns: Sequence[str],
    *,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Refit, ...]:
    """Train a study's method again without each of some columns, one study each.

    Args:
        about: of a study of a table.
        columns: names of columns.
        store: where to keep the studies; another place than the study's own, whose last study
            would be one of these. In memory when not given.
        progress: told as they train.

    Raises:
        UsageError: no such column, or no other one.
    """
    frame = about.columns
    if missing := [name for name in columns if name not in map(str, frame.columns)]:
        raise unknown(f"There is no column {missing[0]!r}", missing[0], frame.columns)
    if frame.shape[1] < 2:
        raise UsageError("There is one column only; without it there is nothing to learn from.")
    found = [_changes(about, _without(about, name, store, progress)) for name in columns]
    adjusted = holm([p for _, p in found])
    return tuple(
        Refit(name, *intervals, float(p))
        for name, (intervals, _), p in zip(columns, found, adjusted, strict=True)
    )


def _without(
    about: Material,
    column: str,
    store: str | Path | None,
    progress: Callable[[Progress], None] | None,
) -> Material:
    data, study = about.data, about.study
    given = replace(without(data, [column]), name=f"{data.name} without {column}", notes=())
    source = dict(study.source or {})
    if source:
        source["drop"] = [*source.get("drop", []), column]
    again = replace(
        study, environments=given, methods=[study.plan.entry(about.method).given], baseline=None,
        store=store, keep_models="none", plain_training=False, name=given.name, source=source,
        adapters=(), merges=(),
    )  # fmt: skip
    return material(again.run(progress=progress))


Change = tuple[tuple[Interval, Interval, Interval], float]


def _changes(before: Material, after: Material) -> Change:
    """Gains outside, inside and in cost, with the p-value of the first."""
    outside = _by_environment(before.outside, after.outside, "loss")
    reference = _by_environment(before.outside, after.outside, "reference")
    inside = _by_environment(before.inside, after.inside, "loss")
    found = [_mean(values) for values in (outside, inside, outside - reference)]
    first, second, third = (interval for interval, _ in found)
    return (first, second, third), found[0][1]


def _by_environment(before: Losses, after: Losses, name: str) -> np.ndarray:
    """Mean fall of a loss, by environment that was left out."""
    codes = np.unique(before.unseen)
    old, new = getattr(before, name), getattr(after, name)
    return np.array([old[before.unseen == k].mean() - new[after.unseen == k].mean() for k in codes])


def _mean(values: np.ndarray) -> tuple[Interval, float]:
    """Over environments like these, whose models share training data."""
    if len(values) < FEWEST:
        return Interval(float(values.mean()), math.nan, math.nan), math.nan
    return mean_of_costs(values)
