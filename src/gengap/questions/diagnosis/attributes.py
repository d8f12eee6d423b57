"""Columns that rows can be told by: a table's inputs and its factors, and their bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, unknown
from gengap.questions.diagnosis.material import Material
from gengap.statistics.segments import Coded, Rule

BINS = 8
LEVELS = 12  # the most frequent levels of a column, each a code of its own
Sign = Literal["<=", ">", "between", "=", "missing"]


@dataclass(frozen=True)
class Condition:
    """What holds for a row.

    Attributes:
        column: the column's name.
        sign: how its value compares; ``between`` is above ``low`` and at most ``high``.
        low: a number, of ``>`` and ``between``.
        high: a number, of ``<=`` and ``between``.
        value: the level, of ``=``.
    """

    column: str
    sign: Sign
    low: float | None = None
    high: float | None = None
    value: str = ""


@dataclass(frozen=True, eq=False)
class Bins:
    """How a column was coded: its upper edges, or its levels."""

    name: str
    edges: np.ndarray
    labels: tuple[str, ...]

    def condition(self, first: int, last: int) -> Condition:
        """What a range of codes says."""
        if self.labels:
            if first >= len(self.labels):
                return Condition(self.name, "missing")
            return Condition(self.name, "=", value=self.labels[first])
        most = len(self.edges)
        if first > most:
            return Condition(self.name, "missing")
        low = None if first == 0 else float(self.edges[first - 1])
        high = None if last == most else float(self.edges[last])
        sign: Sign = "between" if None not in (low, high) else ">" if high is None else "<="
        return Condition(self.name, sign, low, high)


def attributes(material: Material) -> pd.DataFrame:
    """Inputs of a table and factors, ``n`` rows.

    Left out are what keeps rows together and the column that environments are taken from. A factor
    of the same name as an input is that input. Images give their factors alone.

    Raises:
        UsageError: there is no column.
    """
    data = material.data
    kept = [c for c in data.factors.columns if str(c) not in (data.cluster, data.kind)]
    factors = data.factors[kept]
    try:
        inputs = material.columns
    except UsageError:
        inputs = pd.DataFrame(index=range(len(data)))
    inputs = inputs.set_axis([str(c) for c in inputs.columns], axis=1)
    own = [c for c in factors.columns if str(c) not in set(inputs.columns)]
    found = pd.concat([inputs.reset_index(drop=True), factors[own].reset_index(drop=True)], axis=1)
    found.columns = [str(c) for c in found.columns]
    found = found.loc[:, ~found.columns.duplicated()]
    if not found.shape[1]:
        raise UsageError(
            "The data have neither columns nor factors to tell rows by; name some with --factors."
        )
    return found


def numeric(column: pd.Series) -> np.ndarray | None:
    """A column of numbers or dates ``(n,)`` as float64, dates as years; None of anything else."""
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == bool:
        return None
    if pd.api.types.is_datetime64_any_dtype(column):
        days = (column - pd.Timestamp("1970-01-01")).dt.total_seconds() / 86400
        return 1970 + days.to_numpy(np.float64) / 365.2425
    if column.dtype == object:
        column = pd.to_numeric(column, errors="coerce").where(column.notna())
        if column.isna().all():
            return None
    if not pd.api.types.is_numeric_dtype(column):
        return None
    return column.to_numpy(np.float64, na_value=np.nan)


def named(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The columns of some names.

    Raises:
        UsageError: there is none of a name.
    """
    for name in names:
        if name not in table.columns:
            raise unknown(f"There is no column {name!r}", name, table.columns)
    return table[list(names)]


def coded(table: pd.DataFrame) -> tuple[Coded, list[Bins]]:
    """Bin every column: numbers at quantiles, others by level; constant columns are left out."""
    codes: list[np.ndarray] = []
    bins: list[Bins] = []
    flags: list[tuple[bool, int, bool]] = []
    for name in table.columns:
        values = numeric(table[name])
        own = _by_level(table[name]) if values is None else _by_quantile(values)
        if own is None:
            continue
        code, edges, labels = own
        levels = len(labels) or len(edges) + 1
        missing = not labels and bool((code == levels).any())
        codes.append(code)
        bins.append(Bins(str(name), edges, labels))
        flags.append((not labels, levels, missing))
    if not codes:
        raise UsageError("Every column is constant, so there is nothing to tell rows by.")
    ordered, levels_of, gaps = (np.array(column) for column in zip(*flags, strict=True))
    return Coded(np.stack(codes), ordered, levels_of, gaps), bins


def conditions(rule: Rule, bins: Sequence[Bins]) -> tuple[Condition, ...]:
    """What a rule on codes says of columns."""
    return tuple(bins[c.column].condition(c.first, c.last) for c in rule)


def _by_quantile(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]] | None:
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) < 2 and len(known) in (0, len(values)):
        return None
    if len(distinct) <= BINS:
        edges = distinct[:-1]
    else:
        edges = _readable(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    code = np.searchsorted(edges, values, side="left").astype(np.uint8)
    code[np.isnan(values)] = len(edges) + 1
    return code, edges, ()


def _readable(edges: np.ndarray) -> np.ndarray:
    """Edges with few digits, so that a rule is applied as it is printed."""
    for digits in range(2, 12):
        rounded = np.array([float(f"{edge:.{digits}g}") for edge in edges])
        if len(np.unique(rounded)) == len(np.unique(edges)) and np.all(
            np.abs(rounded - edges) <= 0.1 * np.max(np.diff(edges), initial=0)
        ):
            return np.unique(rounded)
    return np.unique(edges)


def _by_level(column: pd.Series) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]] | None:
    levels = column.astype("category").cat
    texts = [str(level) for level in levels.categories]
    code = levels.codes.to_numpy().astype(np.int64)
    count = np.bincount(code[code >= 0], minlength=len(texts))
    if np.sum(count > 0) < 2 or (len(texts) > LEVELS and count.max() < 0.02 * len(column)):
        return None
    kept = np.sort(np.argsort(-count, kind="stable")[:LEVELS])
    kept = kept[count[kept] > 0]
    # Rarer levels and missing values have the code after the last and are no condition.
    place = np.full(len(texts) + 1, len(kept))
    place[kept] = np.arange(len(kept))
    return place[code].astype(np.uint8), np.zeros(0), tuple(texts[k] for k in kept)
