"""From a DataFrame to :class:`~gengap.environments.core.Environments`, column by column.

Each column is recognised as one kind. Numbers, booleans, categories, dates and free text become
features; columns that cannot help in a new environment (identifiers, constant and empty columns)
are left out. Whatever is left out, converted or suspicious gets one sentence in ``notes``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.checks import giveaways
from gengap.environments.core import (
    SMALLEST,
    Environments,
    Task,
    assemble,
    refuse_infinite,
    suspect,
)
from gengap.environments.dates import DAYS_FIRST, date_features, said_of
from gengap.environments.grouping import CALENDAR, Part, grouped, parse_environment
from gengap.environments.labels import folded, merged, refuse_missing
from gengap.environments.recognition import FEW, Kind, examine, free_text
from gengap.environments.several_targets import named_targets
from gengap.environments.texts import (
    NUMBER_STYLES,
    PLAIN,
    Style,
    is_text,
    parse_numbers,
    spread,
    text_levels,
)
from gengap.environments.vectors import spread_out
from gengap.environments.words import WORDS

NOTES = "gengap_notes"  # where a table's attributes keep what its reader assumed


def environments_from_frame(
    frame: pd.DataFrame,
    target: str | Sequence[str],
    environment: str | Sequence[str],
    factors: Sequence[str] = (),
    cluster: str | None = None,
    task: Task | None = None,
    drop: Sequence[str] = (),
    name: str = "data",
    drop_missing: bool = False,
    min_examples: int = SMALLEST,
    dates: bool = True,
    text: Sequence[str] = (),
    text_encoder: Any = None,
) -> Environments:
    """Build environments from a table with a target column and an environment column.

    Args:
        frame: ``n`` rows; not modified.
        target: the column to predict; several in a list or with commas between them.
        environment: the columns that say where a row came from, see
            :func:`~gengap.environments.grouping.parse_environment`; never features.
        factors: columns to regroup or split by; kept as they are and never features. The
            environment's columns always are, so that years or ages can be split by their order.
        cluster: the column that says which rows belong together; a factor as well.
        task: told apart from the target when not given.
        drop: columns to leave out.
        name: what to call this problem in reports.
        drop_missing: whether rows without target, environment, factor or cluster are left out,
            with a note that counts them.
        min_examples: environments with fewer are left out of studies.
        dates: whether dates become features (:mod:`gengap.environments.dates`).
        text: columns of free text, whatever they look like; others are recognised.
        text_encoder: makes numbers of free text, instead of TF-IDF of its words; see
            :mod:`gengap.environments.vectors`.

    Returns:
        Environments whose ``X`` is a DataFrame with float columns for numbers and booleans and
        categorical columns for the rest, free text too, and whose ``notes`` say what was done.

    Raises:
        UsageError: a column is missing, repeated or used twice; targets or environments are
            missing or hold a single value; a number is infinite; no usable feature is left.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"A pandas DataFrame is needed; got {type(frame).__name__}.")
    _refuse_repeated(list(frame.columns))
    if len(frame) == 0:
        raise UsageError("The table has no rows; give at least two environments of examples.")
    targets = named_targets(target, list(frame.columns))
    parts = _parts(frame, targets, environment, factors, drop, cluster, text)
    named = [*factors, *(part.column for part in parts), *([cluster] if cluster else [])]
    roles = list(dict.fromkeys(named))
    for column in (*targets, *(part.column for part in parts)):
        _refuse_nested(frame[column])
    if drop_missing:
        frame = _complete(frame, targets, parts, roles, task)
    read = {name: _target(frame[name], task) for name in targets}
    said = [sentence for _, notes in read.values() for sentence in notes]
    grouping = grouped(frame, parts)
    label = _label(parts)
    where = _environment(grouping.labels, label, parts)
    said += grouping.notes
    used = (*targets, *roles, *drop)
    within = {part.column: part.cut for part in parts if part.cut in CALENDAR}
    plain, spread = spread_out(frame, used, text_encoder, text)
    said += spread
    X = _features(plain, used, within if dates else None, said, text)
    if len(X.columns) == 0:
        left_out = [f"{c} ({examine(frame[c]).kind})" for c in frame.columns if c not in used]
        raise UsageError(
            f"No usable feature is left beside target {listing(map(repr, targets))} and "
            f"environment {listing(repr(part.column) for part in parts)}"
            f"{' (left out: ' + listing(left_out) + ')' if left_out else ''}; add feature columns."
        )
    environments = assemble(
        X,
        {name: y for name, (y, _) in read.items()} if len(targets) > 1 else read[targets[0]][0],
        where,
        factors=_factors(frame[roles], said),
        task=task,
        name=name,
        notes=tuple(frame.attrs.get(NOTES, ())),
        target_label=f"Column {targets[0]!r}",
        environment_label=label,
    )
    environments = _ordered(environments, grouping.order)
    said += _look_alike(environments.names, label)
    said += _look_alike(environments.classes, f"Column {targets[0]!r}")
    said += giveaways(environments)
    suspect(said)
    said = [sentence for sentence in said if sentence not in environments.notes]
    notes = (*environments.notes, *said)
    found = replace(environments, notes=notes, kind=grouping.kind).with_least(min_examples)
    return found.together(cluster) if cluster else found


def _parts(
    frame: pd.DataFrame,
    targets: Sequence[str],
    environment: str | Sequence[str],
    factors: Sequence[str],
    drop: Sequence[str],
    cluster: str | None,
    text: Sequence[str],
) -> tuple[Part, ...]:
    """The columns that say the environment, after all names were checked."""
    columns = list(frame.columns)
    for target in targets:
        if target not in columns:
            raise unknown(f"There is no column {target!r} for the target", target, columns, 40)
    parts = parse_environment(environment, columns)
    named = [part.column for part in parts]
    for target in targets:
        check_names(columns, target, named, factors, drop, cluster, text)
    return parts


def _label(parts: Sequence[Part]) -> str:
    """What errors and notes call the columns that say the environment."""
    if len(parts) == 1:
        return f"Column {parts[0].column!r}"
    return f"The environment ({' and '.join(repr(part.column) for part in parts)})"


def _features(
    frame: pd.DataFrame,
    others: Sequence[Hashable],
    within: Mapping[Hashable, Any] | None,
    said: list[str],
    text: Sequence[str] = (),
) -> pd.DataFrame:
    """All columns but the others as features; ``said`` grows by what was done.

    Args:
        others: what is no feature.
        within: dates among the others whose years, quarters or months are the environments, of
            which the season within a year, the weekday and the time of day are features; None
            where no date becomes one.
        text: columns of free text, whatever they look like.
    """
    features: dict[Hashable, Any] = {}
    days_first: dict[str, bool | None] = {}
    styles: dict[str, Style] = {}
    words: list[str] = []
    for column in frame.columns:
        if column in others and column not in (within or ()):
            continue
        found = free_text(frame[column]) if column in text else examine(frame[column])
        if found.dates is None:
            words += [str(column)] * (found.kind == "text" and found.values is not None)
            if found.note:
                said.append(found.note)
            if found.values is not None:
                features[column] = found.values
            if found.style != PLAIN:
                styles[str(column)] = found.style
        elif within is not None:
            made = date_features(found.dates, str(column), within.get(column))
            features.update({k: v for k, v in made.items() if k not in frame.columns})
            days_first[str(column)] = found.dates.days_first
            said.append(said_of(found.dates, made, str(column)))
    X = pd.DataFrame(features, copy=False)
    X.attrs = {DAYS_FIRST: days_first} if days_first else {}
    X.attrs |= {NUMBER_STYLES: styles} if styles else {}
    X.attrs |= {WORDS: words} if words else {}
    return X


def _complete(
    frame: pd.DataFrame,
    targets: Sequence[str],
    parts: Sequence[Part],
    roles: Sequence[Hashable],
    task: Task | None,
) -> pd.DataFrame:
    """The rows that have a target, an environment and every factor, with a note on the others.

    Raises:
        UsageError: none has.
    """
    labels = grouped(frame, parts).labels
    cut = {part.column: labels for part in parts if len(parts) == 1}
    missing: dict[Hashable, np.ndarray] = {
        target: np.asarray(pd.isna(_read_target(frame[target], task)[0])) for target in targets
    }
    missing |= {name: _is_missing(cut.get(name, frame[name])) for name in roles}
    missing = {name: rows for name, rows in missing.items() if rows.any()}
    if not missing:
        return frame
    bad = np.any([*missing.values(), _is_missing(labels)], axis=0)
    counts = listing(f"{int(rows.sum()):,} in {name!r}" for name, rows in missing.items())
    if bad.all():
        raise UsageError(f"Every row has a missing value ({counts}); nothing is left.")
    kept = frame.loc[~bad].reset_index(drop=True)
    note = f"Left out {int(bad.sum()):,} of {len(frame):,} rows with missing values: {counts}."
    kept.attrs = {**frame.attrs, NOTES: [*frame.attrs.get(NOTES, ()), note]}
    return kept


def _is_missing(column: Any) -> np.ndarray:
    """Which entries ``(n,)`` are missing; blank texts are."""
    series = pd.Series(column)
    if is_text(series):
        found: np.ndarray = text_levels(series)[0] < 0
        return found
    return np.asarray(series.isna())


def _ordered(environments: Environments, order: Sequence[str]) -> Environments:
    """The same environments told in another order; as they are without one."""
    place = {name: k for k, name in enumerate(order)}
    if any(name not in place for name in environments.names):
        return environments
    names = sorted(environments.names, key=place.__getitem__)
    new = np.array([names.index(name) for name in environments.names], dtype=np.int64)
    return replace(environments, names=tuple(names), environment=new[environments.environment])


def recognise(frame: pd.DataFrame) -> dict[Hashable, Kind]:
    """Return the kind of every column; :data:`FEATURES` lists the kinds that become features."""
    _refuse_repeated(list(frame.columns))
    return {column: examine(frame[column]).kind for column in frame.columns}


def check_names(
    columns: Sequence[Hashable],
    target: str,
    environment: Sequence[Hashable],
    factors: Sequence[str] = (),
    drop: Sequence[str] = (),
    cluster: str | None = None,
    text: Sequence[str] = (),
) -> None:
    """Raise :class:`UsageError` unless the options name existing columns in compatible roles."""
    options: tuple[tuple[str, Sequence[Hashable]], ...] = (
        ("target", [target]),
        ("environment", environment),
        ("factor", factors),
        ("cluster", [cluster] if cluster else []),
    )
    purposes = ((f"for the {role}", names) for role, names in options)
    for purpose, names in (*purposes, ("to drop", drop), ("of text", text)):
        for column in names:
            if column not in columns:
                raise unknown(f"There is no column {column!r} {purpose}", column, columns, 40)
    for role, names in (*options, ("column to drop", drop)):
        if both := [column for column in names if column in text]:
            raise UsageError(
                f"Column {both[0]!r} is the {role} and cannot be free text as well; name it once."
            )
    if target in environment:
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
    if [cluster] == list(environment):
        raise UsageError(
            f"Column {cluster!r} is the environment, whose rows are kept apart already; name "
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
    values, notes = _read_target(series, task)
    refuse_missing(values, label)
    if task == "classification" or (is_text(series) and not notes):
        _refuse_unique(values, label, "classes; choose another target, or --task regression")
    return values, notes


def _read_target(series: pd.Series, task: Task | None) -> tuple[Any, list[str]]:
    """The target with its missing entries, and notes."""
    label = f"Column {series.name!r}"
    if is_text(series):
        codes, levels = text_levels(series)
        parsed = None if task == "classification" else parse_numbers(levels, codes)
        if parsed is None:
            return spread(levels.to_numpy(dtype=object), codes, None), []
        values = spread(parsed[0], codes, np.nan)
        refuse_infinite(values, label)
        return values, [f"{label} {parsed[1]}."]
    if pd.api.types.is_float_dtype(series.dtype):
        refuse_infinite(series.to_numpy(dtype=np.float64, na_value=np.nan), label)
    return series, []


def _environment(labels: Any, label: str, parts: Sequence[Part]) -> Any:
    """Return the environment labels ``(n,)``; blank text is missing."""
    number = len(parts) == 1 and pd.api.types.is_numeric_dtype(pd.Series(labels).dtype)
    cut = f", or cut this one into bins: {parts[0].column}:5" if number else ""
    values: Any = labels
    series = pd.Series(labels)
    if is_text(series):
        codes, levels = text_levels(series)
        values = spread(levels.to_numpy(dtype=object), codes, None)
    refuse_missing(values, label)
    _refuse_unique(values, label, f"environments; choose a column that groups the rows{cut}")
    return values


def _factors(frame: pd.DataFrame, said: list[str]) -> pd.DataFrame:
    """Factor columns as they are, but for texts that look alike; ``said`` grows by a sentence."""
    for column in frame.columns:
        _refuse_nested(frame[column])
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


def _look_alike(names: Sequence[str], label: str) -> list[str]:
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
        f"{label} has labels that differ only in case or spaces, kept apart: {listing(pairs, 5)}."
    ]
