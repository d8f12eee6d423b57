"""Targets that are more than classes or values: ordered classes, times that may be cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.environments.core import Environments
from gengap.environments.labels import folded, label_of, refuse_missing

YES = ("1", "true", "yes", "y", "t", "event", "died", "dead")
NO = ("0", "false", "no", "n", "f", "censored", "alive")


def ordinal(environments: Environments, order: Sequence[Any] = ()) -> Environments:
    """The same examples with classes that have an order, lowest first.

    Models learn the classes; errors are counted in ranks.

    Args:
        environments: with classes.
        order: the classes, lowest first; numbers need none.

    Raises:
        UsageError: there are no classes, or the order is not theirs.
    """
    refuse_several(environments, "A study of ordered categories")
    if not environments.classes:
        raise UsageError(
            "An ordinal target has ordered categories, and this one has values; leave --task "
            "ordinal out, or cut the target into categories."
        )
    names = tuple(folded(label_of(value)) for value in order)
    if not names and not all(map(_is_number, environments.classes)):
        raise UsageError(
            f"Which of {listing(environments.classes)} is lower than which cannot be told; give "
            "the order with --order LOWEST,...,HIGHEST (in Python, order=)."
        )
    if not names:
        return replace(environments, scale="ordinal")
    for name in names:
        if name not in environments.classes:
            raise unknown(
                f"The order names {name!r}, which is no class", name, environments.classes
            )
    if len(set(names)) < len(names) or len(names) < len(environments.classes):
        missing = [name for name in environments.classes if name not in names]
        raise UsageError(
            f"The order must name each class once; it "
            f"{'lacks ' + listing(missing) if missing else 'repeats one'}."
        )
    place = np.array([names.index(name) for name in environments.classes])
    return replace(environments, y=place[environments.y], classes=names, scale="ordinal")


def survival(environments: Environments, event: Any) -> Environments:
    """The same examples with times that end in an event, or without it (censored).

    Args:
        environments: whose target is the time.
        event: whether each time ended in the event, ``(n,)``, or the factor that says so.

    Raises:
        UsageError: the target is no time, or what ends it is not told.
    """
    refuse_several(environments, "A study of survival times")
    if environments.classes:
        raise UsageError(
            "A survival target is a time, and this one has classes; name the column of times as "
            "--target and ask for --task regression."
        )
    label = "event"
    if isinstance(event, str):
        if event not in environments.factors.columns:
            raise unknown(
                f"There is no column {event!r} for the event", event, environments.factors.columns
            )
        label, event = f"Column {event!r}", environments.factors[event]
    ended = _ended(event, label, len(environments))
    if (environments.y <= 0).any():
        row = int(np.argmax(environments.y <= 0))
        raise UsageError(
            f"The time until the event is {environments.y[row]:g} in row {row}, counted from 0; "
            "times must be greater than 0."
        )
    return replace(
        environments, y=np.where(ended, environments.y, -environments.y), scale="survival"
    )


def refuse_several(environments: Environments, who: str) -> None:
    """Raise :class:`UsageError` where there are several targets, for who reads one."""
    if several := environments.target_names:
        raise UsageError(
            f"{who} reads one target, and {listing(several)} are {len(several)}; name one of them "
            "as --target and leave the others out (--drop)."
        )


def refuse_times(environments: Environments, command: str) -> None:
    """Raise :class:`UsageError` where targets are times, for a command that cannot read them."""
    if environments.scale == "survival":
        raise UsageError(
            f"{command} cannot judge answers to times that may end without the event; make the "
            "target a class, such as whether the event came within a year, and leave --event out."
        )


def _ended(event: Any, label: str, rows: int) -> np.ndarray:
    column = pd.Series(np.asarray(event))
    if len(column) != rows:
        raise UsageError(f"{label} has {len(column)} entries but there are {rows} rows.")
    refuse_missing(column, label)
    texts = column.map(lambda value: label_of(value).strip().lower())
    strange = [text for text in texts.unique() if text not in (*YES, *NO)]
    if strange:
        raise UsageError(
            f"{label} says {strange[0]!r} of the event; write 1 where it happened and 0 where the "
            "time ended without it."
        )
    ended = texts.isin(YES).to_numpy()
    if not ended.any():
        raise UsageError(f"{label} tells of no event, so there is nothing to learn.")
    return ended


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
