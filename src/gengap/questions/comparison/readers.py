"""Readers of score tables: data frames and files, long or wide.

Long: columns for method, environment, seed and score. Wide: one row per method (and seed) with a
column per environment; one row per environment (and seed) with a column per method; or one row per
method and environment with a column per seed. The names of the columns say which it is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.formats.queries import is_url, name_of
from gengap.environments.readers import read_table
from gengap.questions.comparison import direction
from gengap.questions.comparison.table import ScoreTable, from_columns

# What people call the columns, best name first.
KNOWN = {
    "method": ("method", "methods", "algorithm", "algo", "agent", "model", "classifier", "system",
               "approach"),
    "environment": ("environment", "env", "task", "dataset", "data_set", "data", "domain",
                    "game", "problem", "benchmark", "group", "site"),
    "seed": ("seed", "run", "run_id", "repetition", "repeat", "replicate", "trial", "fold",
             "split"),
    "score": ("score", "value", "result", "metric", "performance", "accuracy", "acc", "auc",
              "auroc", "f1", "r2", "return", "reward", "error", "loss", "rmse", "mae", "mse"),
}  # fmt: skip
UNNAMED = ""  # what scores are called that no column names
DECIMAL_COMMA = re.compile(r"[+-]?[\d., ]+%?")
SEED_COLUMN = re.compile(r"(?:(?:seed|run|fold|trial|rep|repetition|split)[ _.-]?)?\d+", re.I)


class Columns(NamedTuple):
    """Names of columns that the user gave; None where the reader is to find out."""

    method: str | None = None
    environment: str | None = None
    seed: str | None = None
    score: str | None = None


def read_scores(
    path: str | Path, columns: Columns | None = None, *, higher_is_better: bool | None = None
) -> ScoreTable:
    """Read a score table of any format that :func:`~gengap.environments.read_table` reads.

    Raises:
        UsageError: the file cannot be read, or see :func:`from_frame`.
    """
    frame = read_table(path)
    name = name_of(str(path)) if is_url(str(path)) else Path(path).name.split(".")[0] or str(path)
    return from_frame(frame, columns, higher_is_better=higher_is_better, name=name)


def from_frame(
    frame: pd.DataFrame,
    columns: Columns | None = None,
    *,
    higher_is_better: bool | None = None,
    name: str = "scores",
) -> ScoreTable:
    """Arrange a data frame, long or wide, as a table.

    Args:
        frame: the scores; empty cells are missing scores.
        columns: names of columns that cannot be told from common names.
        higher_is_better: False for losses; None goes by the words in the name of the column of
            scores, or of the table where no column has a name for them.
        name: what the table is called in reports and errors.

    Raises:
        UnknownDirection: no word tells whether larger is better.
        UsageError: no column names the method, a score is not a number, or see
            :func:`gengap.questions.comparison.table.from_columns`.

    Example:
        >>> import pandas as pd
        >>> wide = pd.DataFrame({"method": ["a", "b"], "paris": [0.9, 0.8], "rome": [0.7, 0.9]})
        >>> from_frame(wide).environments
        ('paris', 'rome')
    """
    given = columns or Columns()
    frame = frame.rename(columns=str).reset_index(drop=True)
    long, metric, notes = _long(frame, _find(frame, given, name), given, name)
    score = _numbers(long["score"], name)
    keep = ~np.isnan(score)
    if not keep.any():
        raise UsageError(f"{name} holds no scores: every cell of {metric!r} is empty.")
    long, score = long[keep], score[keep]
    for role in ("method", "environment", "seed"):
        if role in long and (blank := long[role].isna()).any():
            raise UsageError(
                f"Row {long.index[blank.to_numpy()][0] + 1} of {name} names no {role}; fill it in "
                "or remove the row."
            )
    if higher_is_better is None:
        # Where columns are environments or methods, only the table's own name can tell.
        higher_is_better = direction.higher_is_better(metric or name)
        if higher_is_better is None:
            raise direction.UnknownDirection(metric or name)
    table = from_columns(
        long["method"].to_numpy(dtype=object),
        long["environment"].to_numpy(dtype=object),
        long["seed"].to_numpy(dtype=object) if "seed" in long else None,
        score,
        higher_is_better=higher_is_better,
        name=name,
        metric=metric or "score",
    )
    return replace(table, notes=(*notes, *table.notes))


def _find(frame: pd.DataFrame, given: Columns, name: str) -> Columns:
    """Which columns are the method, environment, seed and score; None where there is none."""
    lower = {str(column).strip().lower(): str(column) for column in frame.columns}
    taken = {column for column in given if column}
    found: dict[str, str | None] = {}
    for role, wanted in zip(Columns._fields, given, strict=True):
        if wanted is not None:
            if wanted not in frame.columns:
                raise unknown(f"{name} has no column {wanted!r}", wanted, frame.columns, 20)
            found[role] = wanted
            continue
        names = (lower[known] for known in KNOWN[role] if known in lower)
        column = next((column for column in names if column not in taken), None)
        found[role] = column
        taken |= {column} if column else set()
    return Columns(**found)


def _long(
    frame: pd.DataFrame, found: Columns, given: Columns, name: str
) -> tuple[pd.DataFrame, str, list[str]]:
    """Columns method, environment, seed (perhaps) and score; what the scores are; notes."""
    if found.method is None and found.environment is None:
        raise UsageError(
            f"{name} has no column that names the method (there are: "
            f"{listing(frame.columns, 20)}); say which it is with --method COLUMN, or "
            "--environment COLUMN when every method has a column of its own."
        )
    if found.method is None or found.environment is None:
        return _one_missing(frame, found, given, name)
    roles = _roles(found)
    if found.score is not None:
        return frame[list(roles)].rename(columns=roles), found.score, []
    numeric = _numeric(frame, roles)
    if len(numeric) == 1:
        roles[numeric[0]] = "score"
        return frame[list(roles)].rename(columns=roles), numeric[0], []
    if numeric and found.seed is None and all(SEED_COLUMN.fullmatch(c) for c in numeric):
        return _melt(frame, roles, numeric, "seed"), UNNAMED, []
    rest = [column for column in frame.columns if column not in roles]
    raise UsageError(
        f"Say which column of {name} holds the scores (--score COLUMN); there are: "
        f"{listing(numeric or rest, 20) or 'none left'}."
    )


def _one_missing(
    frame: pd.DataFrame, found: Columns, given: Columns, name: str
) -> tuple[pd.DataFrame, str, list[str]]:
    """Without a column of methods or of environments, their names head the columns of scores.

    A column that happens to be called like a score is then one of them, unless it is the only one.
    """
    missing = "environment" if found.environment is None else "method"
    roles = _roles(found._replace(score=given.score))
    numeric = _numeric(frame, roles)
    if given.score is not None or (len(numeric) == 1 and numeric[0] == found.score):
        score = given.score or numeric[0]
        if missing == "method":
            raise UsageError(
                f"{name} has no column that names the method; say which with --method COLUMN."
            )
        roles[score] = "score"
        one = frame[list(roles)].rename(columns=roles).assign(environment="all")
        return one, score, ["There is no column of environments: all scores count as one."]
    if not numeric:
        raise UsageError(f"{name} has no column of numbers; give scores as numbers.")
    note = f"Columns taken as {missing}s: {listing(numeric, 20)}."
    return _melt(frame, roles, numeric, missing), UNNAMED, [note]


def _roles(found: Columns) -> dict[str, str]:
    return {column: role for role, column in found._asdict().items() if column is not None}


def _numeric(frame: pd.DataFrame, roles: dict[str, str]) -> list[str]:
    return [c for c in frame.columns if c not in roles and _mostly_numbers(frame[c])]


def _melt(frame: pd.DataFrame, roles: dict[str, str], numeric: list[str], to: str) -> pd.DataFrame:
    """One row per score, keeping the index so that errors can name the row."""
    named = frame[[*roles, *numeric]].rename(columns=roles)
    return named.melt(
        list(roles.values()), numeric, var_name=to, value_name="score", ignore_index=False
    )


def _as_floats(column: pd.Series) -> np.ndarray:
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:  # whole numbers of any length
        return column.map(lambda value: float(str(value))).to_numpy(dtype=np.float64)


def _mostly_numbers(column: pd.Series) -> bool:
    """Whether a column is one of scores, if perhaps with a slip or two in it."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return True
    text = column.dropna().astype(str).str.strip()
    text = text[text != ""]
    return len(text) > 0 and bool(pd.to_numeric(text, errors="coerce").notna().mean() > 0.5)


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    """Scores as float64; blank cells are NaN.

    Raises:
        UsageError: a cell that is no number, with its row and content.
    """
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64)
    values = _as_floats(pd.to_numeric(column, errors="coerce"))
    for row in np.flatnonzero(np.isnan(values) & column.notna().to_numpy()).tolist():
        text = str(column.iloc[row]).strip()
        if text.lower() not in ("", "nan", "na", "n/a", "none", "null", "-"):
            raise UsageError(
                f"The score {text!r} in row {column.index[row] + 1} of {name} is not a number; "
                + (
                    "write it with a decimal point and without a unit."
                    if DECIMAL_COMMA.fullmatch(text)
                    else "correct it or leave the cell empty."
                )
            )
    return values
