"""Disparity between subgroups, where the model has seen the environment and where it has not.

Subgroups are levels of a column. On the same test rows there are the losses of the run that had not
seen the environment and of its reference, trained on as many rows from all environments, so that
what changes between the two is no matter of which rows are hard: *inside* is the reference,
*outside* the unseen run. Environments are the units throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, unknown
from gengap.questions.diagnosis.about import About, about
from gengap.questions.diagnosis.attributes import attributes, numeric
from gengap.questions.diagnosis.material import Material
from gengap.statistics.disparity import disparity, growth
from gengap.statistics.intervals import Interval, p_value, student_mean
from gengap.statistics.multiple import holm

TARGET = "target"
FEWEST_ROWS = 5  # of a subgroup in an environment, to speak of its mean
FEWEST_ENVIRONMENTS = 3
MOST_LEVELS = 12
QUARTERS = 4


@dataclass(frozen=True)
class Group:
    """One subgroup.

    Attributes:
        level: the level, or the range of numbers.
        rows: number of test rows.
        environments: in how many environments it is told.
        outside: mean loss where the environment is unseen, minus that of all rows there.
        inside: the same of the run that has seen it.
        cost: of its rows.
    """

    level: str
    rows: int
    environments: int
    outside: float
    inside: float
    cost: Interval


@dataclass(frozen=True)
class Subgroups:
    """The subgroups of one column.

    Attributes:
        column: its name.
        groups: largest loss outside first.
        outside: gap between the worst and the best subgroup where the environment is unseen, free
            of the luck of the extremes.
        inside: the same where it has been seen.
        growth: how much farther apart two subgroups are outside than inside, environment by
            environment: those that both together tell apart most clearly.
        p_value: of no growth, adjusted for all columns (Holm).
        naive: the gap outside between the extremes, as measured, which noise inflates.
        spread_outside: standard deviation of the subgroups' true losses outside.
        spread_inside: the same inside.
        worst: the subgroup that fares worse in the pair told apart most clearly outside.
    """

    column: str
    groups: tuple[Group, ...]
    outside: Interval
    inside: Interval
    growth: Interval
    p_value: float
    naive: float
    spread_outside: float
    spread_inside: float
    worst: str


@dataclass(frozen=True)
class SubgroupsFound:
    """Disparities by column.

    Attributes:
        about: whose losses.
        columns: those with the smallest p-value first.
        left_out: columns of levels that environments do not share.
    """

    about: About
    columns: tuple[Subgroups, ...]
    left_out: tuple[str, ...]


def subgroups(material: Material, seed: int = 0, columns: Sequence[str] = ()) -> SubgroupsFound:
    """Read a study's disparities.

    Args:
        material: the study with its data.
        seed: changes nothing; every part takes one.
        columns: names of columns; ``target`` is the class. Numbers are told by quarters. All
            columns and factors of levels where none is named.

    Raises:
        UsageError: no such column; none whose levels occur together in three environments.
    """
    candidates = _named(material, columns) if columns else _levels(material)
    told, left_out = [], []
    for name, column in candidates.items():
        own = _subgroups(material, str(name), column)
        if own is None:
            left_out.append(str(name))
        else:
            told.append(own)
    if not told:
        tried = f" ({', '.join(left_out)})" if left_out else ""
        raise UsageError(
            f"No column has levels{tried} of which {FEWEST_ENVIRONMENTS} environments have two or "
            f"more with {FEWEST_ROWS} test rows each; name one with --subgroup."
        )
    adjusted = holm([each.p_value for each in told])
    told = [replace(each, p_value=float(p)) for each, p in zip(told, adjusted, strict=True)]
    told.sort(key=lambda each: np.nan_to_num(each.p_value, nan=2.0))
    return SubgroupsFound(about(material), tuple(told), tuple(left_out))


def _named(material: Material, names: Sequence[str]) -> dict[str, pd.Series]:
    data = material.data
    try:
        table = attributes(material)
    except UsageError:
        table = pd.DataFrame(index=range(len(data)))
    found = {}
    has_classes = bool(data.classes) and not data.target_names
    for name in names:
        if name in table.columns:
            values = numeric(table[name])
            own = table[name]
            few = own.nunique() <= MOST_LEVELS
            found[name] = own if values is None or few else _quarters(values)
        elif name == TARGET and has_classes:
            found[name] = pd.Series(np.array(data.classes, object)[data.y])
        else:
            known = [*table.columns, *([TARGET] if has_classes else [])]
            raise unknown(f"There is no column {name!r} to tell subgroups by", name, known)
    return found


def _quarters(values: np.ndarray) -> pd.Series:
    cut = pd.qcut(pd.Series(values), QUARTERS, duplicates="drop", precision=4)
    names = {c: f"{c.left:.4g} to {c.right:.4g}" for c in cut.cat.categories}
    return cut.map(names)


def _levels(material: Material) -> dict[str, pd.Series]:
    """Columns of two to twelve levels; the environment itself is none."""
    table = attributes(material)
    found = {}
    for name in table.columns:
        column = table[name]
        values = numeric(column)
        if values is not None and (
            len(values) > 5000 and len(np.unique(values[:5000])) > MOST_LEVELS
        ):
            continue
        if 2 <= column.nunique() <= MOST_LEVELS and name != material.result.plan.problem.kind:
            found[str(name)] = column
    return found


def _subgroups(material: Material, name: str, column: pd.Series) -> Subgroups | None:
    """One column, None where too few environments have two of its levels."""
    found = material.outside.paired
    codes, levels = pd.factorize(column, sort=not column.isna().any())
    code = codes[found.row]
    environments, place = np.unique(found.unseen, return_inverse=True)
    kept = code >= 0
    cell = (place * len(levels) + np.maximum(code, 0))[kept]
    shape = len(environments), len(levels)
    size = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    outside, inside = (
        np.bincount(cell, values[kept], minlength=size.size).reshape(shape) / np.maximum(size, 1)
        for values in (found.loss, found.reference)
    )
    few = size < FEWEST_ROWS
    outside[few] = inside[few] = np.nan
    # Levels are compared within environments, so each needs environments and company.
    present = np.sum(~few, axis=0) >= FEWEST_ENVIRONMENTS
    enough = np.sum(~few[:, present], axis=1) >= 2
    together = (~few[:, present]).astype(int).T @ (~few[:, present])
    if enough.sum() < FEWEST_ENVIRONMENTS or np.triu(together, 1).max() < FEWEST_ENVIRONMENTS:
        return None
    outside, inside = outside[enough][:, present], inside[enough][:, present]
    names = [_text(level) for level, there in zip(levels, present, strict=True) if there]
    rows = [len(np.unique(found.row[code == k])) for k, there in enumerate(present) if there]
    far, near = disparity(outside), disparity(inside)
    change, by_environment = growth(outside, inside)
    groups = [
        Group(
            level=level,
            rows=rows[g],
            environments=int(np.sum(~np.isnan(outside[:, g]))),
            outside=_relative(outside, g),
            inside=_relative(inside, g),
            cost=_mean(_known(outside[:, g] - inside[:, g])),
        )
        for g, level in enumerate(names)
    ]
    return Subgroups(
        column=name,
        groups=tuple(sorted(groups, key=lambda group: -group.outside)),
        outside=far.gap,
        inside=near.gap,
        growth=_defined(change, len(by_environment)),
        p_value=_p_value(by_environment),
        naive=far.naive,
        spread_outside=far.spread,
        spread_inside=near.spread,
        worst=names[far.worst],
    )


def _relative(table: np.ndarray, g: int) -> float:
    return float(np.nanmean(table[:, g] - np.nanmean(table, axis=1)))


def _defined(found: Interval, environments: int) -> Interval:
    """The same without limits where they would rest on fewer than three environments."""
    if environments >= FEWEST_ENVIRONMENTS:
        return found
    return replace(found, low=float("nan"), high=float("nan"))


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _mean(values: np.ndarray) -> Interval:
    return _defined(student_mean(values), len(values))


def _p_value(values: np.ndarray) -> float:
    n = len(values)
    if n < FEWEST_ENVIRONMENTS:
        return float("nan")
    return p_value(float(values.mean()), float(values.var(ddof=1)) / n, n - 1)


def _text(level: object) -> str:
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    return str(level)
