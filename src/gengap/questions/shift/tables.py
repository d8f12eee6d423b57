"""Two tables, the training data and new rows: have the inputs left the training environments?

Four tests that see different things, with Holm's correction among them: every column on its own
(:mod:`gengap.questions.shift.univariate`), a linear classifier and boosted trees
(:mod:`gengap.questions.shift.classifier`), and the maximum mean discrepancy
(:mod:`gengap.statistics.two_sample`). With environments the new rows are tested against each one,
and the largest p-value counts: they have left when they differ from every training environment.
Beside it stands how far they are compared with the environments' own distances
(:mod:`gengap.questions.shift.variation`), which is the number to read when there are many rows:
with enough of them any two environments differ.

One look at one table. A stream, looked at again and again, is for
:class:`~gengap.questions.shift.stream.ShiftMonitor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gengap.base.errors import SuspiciousInput, UsageError, listing
from gengap.base.finding import Finding
from gengap.base.seeds import generator
from gengap.environments.columns import environments_from_frame, recognise
from gengap.environments.preparation import encode, fit_preparation
from gengap.environments.recognition import FEATURES, Kind
from gengap.questions.shift.classifier import FEWEST, classifier_test, linear_classifier_test
from gengap.questions.shift.univariate import ColumnTest, any_column, column_tests
from gengap.questions.shift.variation import AmongEnvironments, among_environments, least_unlike
from gengap.statistics.multiple import holm
from gengap.statistics.two_sample import mmd_test

MOST_ROWS = 2_000  # of each side, for all tests but the columns'
PERMUTATIONS = 499
WHERE, AGAIN = "which of the two tables", "which of the two tables, once more"


@dataclass(frozen=True)
class NamedTest:
    """One test of the whole table; ``statistic`` as its name says."""

    name: str
    statistic: float
    p_value: float
    adjusted_p: float


@dataclass(frozen=True, repr=False)
class TableShift(Finding):
    """What two tables differ in.

    Attributes:
        reference, new: number of rows.
        tests: against the nearest environment, or against all rows without environments.
        columns: column by column against all reference rows, smallest p-value first.
        by_environment: p-value of "no difference" from each environment; empty without.
        nearest: environment of the largest p-value; empty without.
        p_value: of "the new rows come from the reference", or from one of its environments.
        among: the distance beside those between environments; None with fewer than 2.
        left_out: columns that were not tested: identifiers, dates, one value only.
        alpha: chance of a false alarm.
    """

    kind: ClassVar[str] = "shift"
    reference: int
    new: int
    tests: tuple[NamedTest, ...]
    columns: tuple[ColumnTest, ...]
    by_environment: dict[str, float]
    nearest: str
    p_value: float
    among: AmongEnvironments | None
    left_out: tuple[str, ...]
    alpha: float

    @property
    def shifted(self) -> bool:
        """Whether the new rows differ, at ``alpha``."""
        return self.p_value <= self.alpha

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {**super().summary, "shifted": self.shifted}


def compare_tables(
    reference: pd.DataFrame,
    new: pd.DataFrame,
    environment: str | None = None,
    *,
    drop: Sequence[str] = (),
    alpha: float = 0.05,
    seed: int = 0,
    names: tuple[str, str] = ("The reference", "The new table"),
) -> TableShift:
    """Test whether new rows come from the reference, or from one of its environments.

    Args:
        reference: training rows, at least 10, and at least 10 per environment.
        new: at least 10 rows with the same columns; further ones are ignored.
        environment: column of ``reference`` that says where a row came from; never a feature.
        drop: columns to leave out, e.g. the target.
        alpha: chance of a false alarm.
        seed: of permutations, folds, and of the rows drawn where there are more than 2,000.
        names: what errors call the two tables, e.g. their files.

    Raises:
        UsageError: columns missing, too few rows, infinite values, no usable column, alpha or seed
            out of range.
    """
    _check_settings(alpha, seed)
    where = _environment(reference, environment, names[0])
    used = _usable(reference, new, [*drop, *([environment] if environment else [])], names)
    n = len(reference)
    _enough(n, names[0])
    _enough(len(new), names[1])
    table = _together(reference[used], new[used], names)
    # Scales come from the reference alone, so that the new rows cannot hide by stretching them.
    encoded = encode(table)
    features = fit_preparation(encoded, np.arange(n)).apply(encoded.matrix).astype(np.float64)
    rows, batch = features[:n], features[n:]
    groups = {"": np.arange(n)}
    if where is not None:
        groups = {str(name): np.flatnonzero(where == name) for name in np.unique(where)}
    for name, own in groups.items():
        _enough(len(own), f"Environment {name!r}")
    # Each environment by itself: a batch just like one of them differs from them all together.
    batteries = {
        name: _battery(table.iloc[own], table.iloc[n:], rows[own], batch, alpha, seed)
        for name, own in groups.items()
    }
    p_values = {name: min(t.adjusted_p for t in own) for name, own in batteries.items()}
    nearest = least_unlike(p_values, {name: rows[own] for name, own in groups.items()}, batch)
    columns = column_tests(table.iloc[:n], table.iloc[n:], seed)
    return TableShift(
        reference=n,
        new=len(new),
        tests=batteries[nearest],
        columns=tuple(sorted(columns, key=lambda c: (np.isnan(c.p_value), c.p_value))),
        by_environment=p_values if where is not None else {},
        nearest=nearest,
        p_value=p_values[nearest],
        among=among_environments(rows, where, batch, seed)
        if where is not None and len(groups) > 1
        else None,
        left_out=tuple(str(name) for name in used if name not in table.columns),
        alpha=alpha,
    )


def _check_settings(alpha: float, seed: int) -> None:
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}; give a share between 0 and 1, e.g. 0.05.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise UsageError(f"seed must be a whole number from 0 up, below 2**63, not {seed!r}.")


def _battery(
    reference: pd.DataFrame,
    new: pd.DataFrame,
    x: np.ndarray,
    y: np.ndarray,
    alpha: float,
    seed: int,
) -> tuple[NamedTest, ...]:
    """All tests; ``x`` and ``y`` are the two tables as prepared features."""
    columns = column_tests(reference, new, seed)
    x, y = (_some(side, seed, name) for side, name in ((x, "reference"), (y, "new")))
    linear = linear_classifier_test(x, y, PERMUTATIONS, seed)
    trees = classifier_test(x, y, seed=seed)
    mmd = mmd_test(x, y, PERMUTATIONS, seed)
    moved = sum(column.adjusted_p <= alpha for column in columns)
    found = [
        ("columns that moved", float(moved), any_column(columns)),
        ("linear classifier, AUROC", linear.auroc.estimate, linear.p_value),
        ("boosted trees, AUROC", trees.auroc.estimate, trees.p_value),
        ("squared MMD", mmd.statistic, mmd.p_value),
    ]
    adjusted = holm([p for _, _, p in found])
    return tuple(
        NamedTest(*own, float(corrected)) for own, corrected in zip(found, adjusted, strict=True)
    )


def _usable(
    reference: pd.DataFrame, new: pd.DataFrame, drop: Sequence[str], names: tuple[str, str]
) -> list[str]:
    """Columns of the reference that are not dropped."""
    for name in drop:
        if name not in reference.columns:
            raise UsageError(f"{names[0]} has no column {name!r}; check the name.")
    used = [name for name in reference.columns if name not in drop]
    if missing := [name for name in used if name not in new.columns]:
        raise UsageError(f"{names[1]} has no column {listing(map(repr, missing))}; add or drop it.")
    return used


def _together(reference: pd.DataFrame, new: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """What can be tested, reference rows first; the kinds of columns are told from all rows.

    What names rows in either table alone is left out: numbered onwards, it would seem to move.
    """
    own = [_kinds(table, name) for table, name in zip((reference, new), names, strict=True)]
    kept = [name for name in reference.columns if "identifier" not in (own[0][name], own[1][name])]
    both = pd.concat([reference[kept], new[kept]], ignore_index=True)
    if not set(recognise(both).values()) & set(FEATURES):
        raise UsageError(
            "No column can be tested (identifiers, dates and constants cannot); add others."
        )
    side = np.repeat(["reference", "new"], [len(reference), len(new)])
    with warnings.catch_warnings():
        # What it suspects, columns that give the table away, is what is looked for here.
        warnings.simplefilter("ignore", SuspiciousInput)
        # Rows of another day differ in their dates, which is not what is asked.
        marked = both.assign(**{WHERE: side, AGAIN: side})
        found = environments_from_frame(marked, WHERE, AGAIN, dates=False)
    assert isinstance(found.X, pd.DataFrame)
    return found.X


def _kinds(table: pd.DataFrame, name: str) -> dict[Hashable, Kind]:
    """Kinds of one table's columns; what is wrong in it is told with its name, rows from 1."""
    for column, values in table.select_dtypes("number").items():
        infinite = np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if infinite.any():
            raise UsageError(
                f"{name} has an infinite value in column {column!r}, row "
                f"{int(np.argmax(infinite)) + 1} below the header; empty the cell or drop the row."
            )
    try:
        return recognise(table)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _environment(reference: pd.DataFrame, column: str | None, name: str) -> np.ndarray | None:
    if column is None:
        return None
    if column not in reference.columns:
        raise UsageError(
            f"{name} has no column {column!r} (there are: {listing(reference.columns, 40)})."
        )
    if reference[column].isna().any():
        raise UsageError(f"Column {column!r} has empty cells; fill them in or drop those rows.")
    return reference[column].astype(str).to_numpy(dtype=object)


def _enough(rows: int, label: str) -> None:
    if rows < FEWEST:
        raise UsageError(f"{label} has {rows} rows; give at least {FEWEST}.")


def _some(rows: np.ndarray, seed: int, name: str) -> np.ndarray:
    if len(rows) <= MOST_ROWS:
        return rows
    return rows[generator(seed, "rows for shift tests", name).permutation(len(rows))[:MOST_ROWS]]
