"""Several targets of each example: numbers, or labels that are each present or absent.

They stand side by side, ``y (n, k)``, where one target has ``y (n,)``, and are learnt by one model.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.environments.given_columns import as_column, numpy_of

MOST = 1_000  # targets
ALIKE = (
    "several targets are all numbers (--task regression), or all labels with the same two values, "
    "such as 0 and 1"
)


def named_targets(target: Any, columns: Sequence[Hashable]) -> tuple[Any, ...]:
    """The columns that a target names: itself, or several with commas or in a list."""
    if isinstance(target, list | tuple):
        return tuple(dict.fromkeys(target))
    if target in columns or not isinstance(target, str) or "," not in target:
        return (target,)
    return tuple(dict.fromkeys(name.strip() for name in target.split(",") if name.strip()))


def side_by_side(y: Any, label: str, rows: int) -> dict[str, np.ndarray] | None:
    """The columns of a table of targets ``(rows, k)`` by name; None where there is one column.

    Raises:
        UsageError: it is no table, has no column, or another number of rows.
    """
    if isinstance(y, pd.DataFrame):
        if len(y.columns) == 1:
            return None
        found = {str(name): y[name].to_numpy() for name in y.columns if y.columns.is_unique}
    elif isinstance(y, Mapping):
        found = {str(name): np.asarray(numpy_of(column)) for name, column in y.items()}
    else:
        try:
            table = np.asarray(numpy_of(y))
        except (ValueError, TypeError, RuntimeError):
            return None  # ragged or no numbers: refused as a column
        if table.ndim != 2 or table.shape[1] == 1:
            return None
        found = {f"{label}{k}": column for k, column in enumerate(table.T)}
    if not 1 < len(found) <= MOST:
        raise UsageError(f"{label} must be between 2 and {MOST:,} columns of different names.")
    return {name: as_column(column, f"{label} {name!r}", rows) for name, column in found.items()}


def joined(
    coded: Mapping[str, tuple[np.ndarray, tuple[str, ...]]],
) -> tuple[np.ndarray, tuple[str, ...]]:
    """One table ``(n, k)`` of targets, each coded as it would be alone, and their common classes.

    Args:
        coded: by name the values and no classes, or the codes and the classes.

    Raises:
        UsageError: some are numbers and some are not, or labels have other than the same two
            values.
    """
    numbers = [name for name, (_, classes) in coded.items() if not classes]
    labels = {name: classes for name, (_, classes) in coded.items() if classes}
    if numbers and labels:
        name = next(iter(labels))
        raise UsageError(
            f"{numbers[0]!r} is a number and {name!r} has classes ({listing(labels[name], 4)}), "
            f"but {ALIKE}; run a study for each kind."
        )
    kinds = set(labels.values())
    if many := [name for name, classes in labels.items() if len(classes) != 2]:
        raise UsageError(
            f"{many[0]!r} has {len(labels[many[0]])} classes, but {ALIKE}; run a study of it alone."
        )
    if len(kinds) > 1:
        first, *_ = labels
        other = next(name for name in labels if labels[name] != labels[first])
        raise UsageError(
            f"{first!r} has the values {listing(labels[first])} and {other!r} has "
            f"{listing(labels[other])}, but {ALIKE}; write them alike."
        )
    return np.stack([values for values, _ in coded.values()], axis=1), next(iter(kinds), ())
