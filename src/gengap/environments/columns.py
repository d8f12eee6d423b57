"""From a DataFrame to :class:`~gengap.environments.core.Environments`, column by column.

Each column is recognised as one kind. Numbers, booleans and categories become features; columns
that cannot help in a new environment (identifiers, free text, dates, constant and empty columns)
are left out. Whatever is left out, converted or suspicious gets one sentence in ``notes``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.checks import giveaways
from gengap.environments.core import (
    Environments,
    Task,
    assemble,
    refuse_infinite,
    suspect,
)
from gengap.environments.labels import folded, merged, refuse_missing
from gengap.environments.repeats import ID_NAME

Kind = Literal[
    "number",
    "boolean",
    "category",
    "ordered",
    "identifier",
    "text",
    "date",
    "constant",
    "empty",
    "other",
]

FEATURES: tuple[Kind, ...] = ("number", "boolean", "category", "ordered")
SAMPLE = 10_000  # rows or levels on which patterns are judged
NEARLY_UNIQUE = 0.9  # share of distinct values from which a column names rows
FEW = 20  # rows below which "nearly unique" says nothing
MANY = 30  # distinct texts from which those of an identifier's form are one
MISSING_MARKERS = frozenset(
    ["", "?", "-", "--", ".", "..", "na", "n/a", "#n/a", "nan", "null", "none", "missing"]
)

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ]\d{1,2}:\d{2}.*)?"
# (thousands separator, decimal mark), in the order in which they are preferred.
_STYLES = (("", "."), (",", "."), (".", ","), (" ", "."), (" ", ","), ("'", "."))


@dataclass(frozen=True)
class _Column:
    """What a column is, its values as a feature (None when left out), and what to say about it."""

    kind: Kind
    values: Any = None
    note: str = ""


def environments_from_frame(
    frame: pd.DataFrame,
    target: str,
    environment: str,
    factors: Sequence[str] = (),
    cluster: str | None = None,
    task: Task | None = None,
    drop: Sequence[str] = (),
    name: str = "data",
) -> Environments:
    """Build environments from a table with a target column and an environment column.

    Args:
        frame: ``n`` rows; not modified.
        target: the column to predict.
        environment: the column that says where a row came from; never a feature.
        factors: columns to regroup or split by; kept as they are and never features. The
            environment column is always one, so that years or ages can be split by their order.
        cluster: the column that says which rows belong together; a factor as well.
        task: told apart from the target when not given.
        drop: columns to leave out.
        name: what to call this problem in reports.

    Returns:
        Environments whose ``X`` is a DataFrame with float columns for numbers and booleans and
        categorical columns for the rest, and whose ``notes`` say what was done.

    Raises:
        UsageError: a column is missing, repeated or used twice; targets or environments are
            missing or hold a single value; a number is infinite; no usable feature is left.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"A pandas DataFrame is needed; got {type(frame).__name__}.")
    check_names(list(frame.columns), target, environment, factors, drop, cluster)
    factors = [*factors, environment, *([cluster] if cluster else [])]
    if len(frame) == 0:
        raise UsageError("The table has no rows; give at least two environments of examples.")
    for column in (target, environment):
        _refuse_nested(frame[column])
    y, said = _target(frame[target], task)
    where = _environment(frame[environment])
    features: dict[Hashable, Any] = {}
    left_out: list[str] = []
    for column in frame.columns:
        if column in (target, *factors, *drop):
            continue
        examined = _examine(frame[column])
        if examined.note:
            said.append(examined.note)
        if examined.values is None:
            left_out.append(f"{column} ({examined.kind})")
        else:
            features[column] = examined.values
    if not features:
        raise UsageError(
            f"No usable feature is left beside target {target!r} and environment {environment!r}"
            f"{' (left out: ' + listing(left_out) + ')' if left_out else ''}; add feature columns."
        )
    environments = assemble(
        pd.DataFrame(features, copy=False),
        y,
        where,
        factors=_factors(frame[list(dict.fromkeys(factors))], said),
        task=task,
        name=name,
        notes=tuple(frame.attrs.get("gengap_notes", ())),
        target_label=f"Column {target!r}",
        environment_label=f"Column {environment!r}",
    )
    said += _look_alike(environments.names, environment)
    said += _look_alike(environments.classes, target)
    said += giveaways(environments)
    suspect(said)
    said = [sentence for sentence in said if sentence not in environments.notes]
    found = replace(environments, notes=(*environments.notes, *said), kind=str(environment))
    return found.together(cluster) if cluster else found


def recognise(frame: pd.DataFrame) -> dict[Hashable, Kind]:
    """Return the kind of every column; :data:`FEATURES` lists the kinds that become features."""
    _refuse_repeated(list(frame.columns))
    return {column: _examine(frame[column]).kind for column in frame.columns}


def check_names(
    columns: Sequence[Hashable],
    target: str,
    environment: str,
    factors: Sequence[str] = (),
    drop: Sequence[str] = (),
    cluster: str | None = None,
) -> None:
    """Raise :class:`UsageError` unless the options name existing columns in compatible roles."""
    _refuse_repeated(columns)
    options = (
        ("target", [target]),
        ("environment", [environment]),
        ("factor", factors),
        ("cluster", [cluster] if cluster else []),
    )
    purposes = ((f"for the {role}", names) for role, names in options)
    for purpose, names in (*purposes, ("to drop", drop)):
        for column in names:
            if column not in columns:
                raise unknown(f"There is no column {column!r} {purpose}", column, columns, 40)
    if target == environment:
        raise UsageError(
            f"Column {target!r} cannot be both target and environment; choose another column for "
            "one of them."
        )
    for role, names in options:
        if both := [column for column in names if column in drop]:
            raise UsageError(f"Column {both[0]!r} is the {role} and cannot be dropped as well.")
    if target in factors or target == cluster:
        role = "factor" if target in factors else "cluster"
        raise UsageError(f"Column {target!r} is the target and cannot be a {role} as well.")
    if cluster == environment:
        raise UsageError(
            f"Column {environment!r} is the environment, whose rows are kept apart already; name "
            "a finer column as --cluster, such as the patients of a hospital."
        )


def _refuse_repeated(columns: Sequence[Hashable]) -> None:
    index = pd.Index(list(columns), dtype=object)
    if not index.is_unique:
        twice = index[index.duplicated()].unique()
        raise UsageError(f"Several columns are called {listing(twice)}; rename them.")


def _target(series: pd.Series, task: Task | None) -> tuple[Any, list[str]]:
    """Return the target ``(n,)``, as numbers where its text means numbers, and notes."""
    label = f"Column {series.name!r}"
    notes = []
    values: Any = series
    if _is_text(series):
        codes, levels = _levels(series)
        parsed = None if task == "classification" else _parse_numbers(levels, codes)
        if parsed is None:
            values = _spread(levels.to_numpy(dtype=object), codes, None)
        else:
            values = _spread(parsed[0], codes, np.nan)
            refuse_infinite(values, label)
            notes = [f"{label} {parsed[1]}."]
    elif pd.api.types.is_float_dtype(series.dtype):
        refuse_infinite(series.to_numpy(dtype=np.float64, na_value=np.nan), label)
    refuse_missing(values, label)
    if task == "classification" or (_is_text(series) and not notes):
        _refuse_unique(values, label, "classes; choose another target, or --task regression")
    return values, notes


def _environment(series: pd.Series) -> Any:
    """Return the environment labels ``(n,)``; blank text is missing."""
    label = f"Column {series.name!r}"
    values: Any = series
    if _is_text(series):
        codes, levels = _levels(series)
        values = _spread(levels.to_numpy(dtype=object), codes, None)
    refuse_missing(values, label)
    _refuse_unique(values, label, "environments; choose a column that groups the rows")
    return values


def _factors(frame: pd.DataFrame, said: list[str]) -> pd.DataFrame:
    """Factor columns as they are, but for texts that look alike; ``said`` grows by a sentence."""
    for column in frame.columns:
        if notes := merged(frame[column], f"Column {column!r}"):
            frame = frame.assign(**{column: frame[column].map(folded, na_action="ignore")})
            said += notes
    return frame


def _refuse_nested(series: pd.Series) -> None:
    """Raise :class:`UsageError` where a cell holds more than one value."""
    if not pd.api.types.is_object_dtype(series.dtype):
        return
    try:
        pd.factorize(series)
    except TypeError:
        raise UsageError(
            f"Column {series.name!r} holds lists or other objects; give one number or text per row."
        ) from None


def _refuse_unique(values: Any, label: str, purpose: str) -> None:
    distinct = pd.Series(values).nunique()
    if len(values) >= FEW and 2 * distinct > len(values):
        raise UsageError(
            f"{label} has {distinct:,} different values in {len(values):,} rows, too many for "
            f"{purpose}."
        )


def _examine(series: pd.Series) -> _Column:
    """Recognise one column and bring it into the form it has in ``X``."""
    label, dtype = f"Column {series.name!r}", series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(series.array, label)
    if pd.api.types.is_bool_dtype(dtype):
        return _number(series, label, "boolean")
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
        return _number(series, label)
    if dtype.kind in "Mm" or isinstance(dtype, pd.PeriodDtype):
        return _left_out("empty" if series.isna().all() else "date", label)
    if _is_text(series):
        try:
            return _text(series, label)
        except TypeError:  # unhashable values
            return _left_out("other", label)
    return _left_out("other", label)


_REASONS: dict[Kind, str] = {
    "identifier": "names rows (nearly every value is different or a running number)",
    "text": "holds free text",
    "date": "holds dates or durations (name it as a factor to split by it)",
    "constant": "has one value in every row",
    "empty": "has no values",
    "other": "holds values that are no numbers, categories or text",
}


def _left_out(kind: Kind, label: str, before: str = "") -> _Column:
    return _Column(kind, None, f"{before}{label} {_REASONS[kind]}; it was left out.")


def _number(series: pd.Series, label: str, kind: Kind = "number", before: str = "") -> _Column:
    """Examine a numeric column; its feature is float64, or float32 where it came as that."""
    narrow = series.dtype.kind == "f" and getattr(series.dtype, "itemsize", 8) <= 4
    values = series.to_numpy(dtype=np.float32 if narrow else np.float64, na_value=np.nan)
    refuse_infinite(values, label)
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    if np.isnan(low):
        return _left_out("empty", label, before)
    # One value beside missing ones still says something: that it is there.
    if low == high and not np.isnan(values).any():
        return _left_out("constant", label, before)
    if kind == "number" and _names_rows(values, high - low, str(series.name)):
        return _left_out("identifier", label, before)
    return _Column(kind, values, before.rstrip())


def _names_rows(values: np.ndarray, spread: float, name: str) -> bool:
    """Whether whole numbers ``(n,)`` number the rows, or carry an identifier's name and differ."""
    n = len(values)
    if n < FEW // 2 or not _all_whole(values[:SAMPLE]) or not _all_whole(values):
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return n >= FEW or bool((np.abs(steps) == 1).all())
    if n < FEW:
        return False
    numbered = spread == n - 1
    if not numbered and not ID_NAME.search(name):
        return False
    distinct = len(pd.unique(values))
    return distinct == n if numbered else distinct >= NEARLY_UNIQUE * n


def _all_whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())  # False where missing


def _text(series: pd.Series, label: str) -> _Column:
    """Examine a text or object column: numbers written as text, dates, identifiers, categories."""
    objects = pd.api.types.is_object_dtype(series.dtype)
    if objects and pd.api.types.infer_dtype(series, skipna=True) == "boolean":
        return _number(series.astype("boolean"), label, "boolean")
    if _is_long_text(series):
        return _left_out("text", label)
    codes, levels = _levels(series)
    if len(levels) == 0:
        return _left_out("empty", label)
    if (parsed := _parse_numbers(levels, codes)) is not None:
        numbers = pd.Series(_spread(parsed[0], codes, np.nan), name=series.name)
        return _number(numbers, label, before=f"{label} {parsed[1]}. ")
    kind = _text_kind(_some(levels), len(levels), int((codes >= 0).sum()))
    if kind != "category":
        return _left_out(kind, label)
    return _category(pd.Categorical.from_codes(codes, levels), label)


def _is_long_text(series: pd.Series) -> bool:
    """Whether a large column is plainly free text, told without collecting its distinct texts."""
    if len(series) <= SAMPLE:
        return False
    sample = series.iloc[:: len(series) // SAMPLE].dropna()
    if len(sample) < SAMPLE // 10 or sample.nunique() < NEARLY_UNIQUE * len(sample):
        return False
    return _are_sentences(pd.Index(sample.astype(str)))


def _are_sentences(texts: pd.Index) -> bool:
    words = float(np.mean(texts.str.count(r"\s+"))) + 1
    return words >= 5 or float(np.mean(texts.str.len())) >= 60


def _text_kind(sample: pd.Index, distinct: int, present: int) -> Kind:
    """Tell dates, identifiers, free text and categories apart by a sample of distinct texts."""
    share = distinct / present
    if sample.str.fullmatch(_DATE).mean() > 0.9:
        return "date"
    if sample.str.fullmatch(_UUID).mean() > 0.9 and distinct > MANY:
        return "identifier"
    if _are_sentences(sample) and (share > 0.5 or distinct > 10 * MANY):
        return "text"
    if share >= NEARLY_UNIQUE and (present >= FEW or (share == 1 and present >= FEW // 2)):
        return "identifier"
    return "category"


def _category(column: Any, label: str) -> _Column:
    """Examine a categorical array; unused categories go, unordered ones are sorted by text."""
    column = column.remove_unused_categories()
    levels, present = column.categories, int((column.codes >= 0).sum())
    if len(levels) == 0:
        return _left_out("empty", label)
    if len(levels) == 1 and present == len(column):
        return _left_out("constant", label)
    if column.ordered:
        return _Column("ordered", column)
    if len(levels) >= NEARLY_UNIQUE * present and present >= FEW:
        return _left_out("identifier", label)
    if alike := merged(levels, label):
        codes, distinct = pd.factorize(levels.map(folded))
        column = pd.Categorical.from_codes(_spread(codes, column.codes, -1), distinct)
        levels = column.categories
    column = column.reorder_categories(sorted(levels, key=str), ordered=False)
    return _Column("category", column, " ".join(alike))


def _is_text(series: pd.Series) -> bool:
    dtype = series.dtype
    return pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)


def _levels(series: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return codes ``(n,)`` and distinct texts, outer spaces removed; blanks are missing (-1)."""
    codes, distinct = pd.factorize(series)
    if pd.api.types.is_object_dtype(series.dtype):
        distinct = pd.Index([str(value) for value in distinct])
    texts = pd.Series(distinct, dtype="str")
    stripped = texts.str.strip()
    if stripped.equals(texts) and not (texts == "").any() and texts.is_unique:
        return codes, pd.Index(texts)
    again, levels = pd.factorize(stripped.where(stripped != ""))
    return _spread(again, codes, -1), pd.Index(levels, dtype="str")


def _spread(per_level: np.ndarray, codes: np.ndarray, missing: Any) -> np.ndarray:
    """Give every row its level's value, and ``missing`` where it has none."""
    if len(per_level) == 0:
        return np.full(len(codes), missing)
    values = per_level[codes]
    values[codes < 0] = missing
    return values


def _some(levels: pd.Index) -> pd.Index:
    return levels[:: max(1, len(levels) // SAMPLE)]


def _parse_numbers(levels: pd.Index, codes: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Read texts as numbers if at least 99% of them are; else None.

    Returns the number per level (NaN for markers such as "?" and for what is no number) and a
    phrase on how they were read. "1,234" alone is taken for a thousand; one "1,23" among them
    makes the comma a decimal mark. Texts such as "007" are codes, not numbers.
    """
    plain = levels.str.replace("[\u00a0\u202f]", " ", regex=True).str.replace("\u2019", "'")
    sample = _some(plain)
    sample = sample[~sample.str.lower().isin(MISSING_MARKERS)]
    if sample.str.match(r"[+-]?0\d").any():
        return None
    best, (thousands, decimal) = 0.0, _STYLES[0]
    for style in _STYLES:
        share = float(np.mean(sample.str.fullmatch(_number_pattern(*style)))) if len(sample) else 1
        if share > best:
            best, (thousands, decimal) = share, style
    if best < 0.99:
        return None
    fits = np.asarray(plain.str.fullmatch(_number_pattern(thousands, decimal)), dtype=bool)
    digits = plain.str.replace(thousands, "", regex=False) if thousands else plain
    digits = digits.str.replace(decimal, ".", regex=False)
    numbers = np.full(len(levels), np.nan)
    numbers[fits] = [float(text) for text in digits[fits]]
    return numbers, _how_read(plain, codes, numbers, fits, thousands, decimal)


def _number_pattern(thousands: str, decimal: str) -> str:
    point = re.escape(decimal)
    grouped = rf"[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+|" if thousands else ""
    return rf"[+-]?(?:(?:{grouped}[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _how_read(
    levels: pd.Index,
    codes: np.ndarray,
    numbers: np.ndarray,
    fits: np.ndarray,
    thousands: str,
    decimal: str,
) -> str:
    phrase = "holds numbers stored as text"
    marks = [(thousands, "between thousands")] if thousands else []
    marks += [(",", "as decimal mark")] if decimal == "," else []
    for mark, meaning in marks:
        uses = np.flatnonzero(fits & np.asarray(levels.str.contains(mark, regex=False)))
        if len(uses):
            example = f"{levels[uses[0]]!r} was read as {numbers[uses[0]]:.12g}"
            phrase += f", {mark!r} {meaning} ({example})"
    if not fits.all():
        rows = int((~fits)[codes[codes >= 0]].sum())
        shown = listing((repr(level) for level in levels[~fits]), 5)
        phrase += f"; {shown} in {rows:,} row{'s' * (rows != 1)} counts as missing"
    return phrase


def _look_alike(names: Sequence[str], column: str) -> list[str]:
    """Warn of labels that differ only in case or spaces."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        folded = "".join(name.split()).casefold()
        if folded in first:
            pairs.append(f"{first[folded]!r} and {name!r}")
        first.setdefault(folded, name)
    if not pairs:
        return []
    return [
        f"Column {column!r} has labels that differ only in case or spaces, kept apart: "
        f"{listing(pairs, 5)}."
    ]
