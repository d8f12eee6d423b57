"""Answers to new rows, one by one: a prediction, or why none is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.files import json_values
from gengap.base.finding import Finding
from gengap.delivery.adapting import Adapting
from gengap.delivery.form import as_table, class_values
from gengap.delivery.leaving import Leaving, leaving, strangeness
from gengap.delivery.parts import Parts
from gengap.delivery.profile import moved
from gengap.environments.new_examples import unreadable
from gengap.environments.preparation import encode_alike
from gengap.guard import Decision, Guard

BLOCK = 20_000  # rows answered at once


@dataclass(frozen=True, repr=False, eq=False)
class Answers(Finding):
    """What a delivered model says of ``n`` rows.

    Attributes:
        target: what is predicted; empty where it has no name.
        environment_word: what an environment is called.
        prediction: ``(n,)`` class or value, of several targets ``(n, k)``; None where refused.
        probability: of the predicted class, shaped alike; NaN where refused or where there is none.
        refused: ``(n,)`` whether a row has no answer.
        reason: ``(n,)`` why; empty where it has one.
        column: ``(n,)`` the column that made a row strange, or None.
        false_alarms: share of normal rows that the guard may refuse; None without a guard.
        batch: whether the rows as a whole have left the training environments; None without guard.
        targets: what several targets are called; empty of one.
    """

    kind: ClassVar[str] = "answers"
    target: str
    environment_word: str
    prediction: np.ndarray
    probability: np.ndarray
    refused: np.ndarray
    reason: np.ndarray
    column: np.ndarray
    false_alarms: float | None
    batch: Leaving | None
    targets: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.refused)

    @property
    def values(self) -> bool:
        """Whether numbers are predicted rather than classes."""
        return bool(np.isnan(self.probability).all()) and any(
            isinstance(own, float) for own in self.prediction.ravel()
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row each: prediction, probability, refused, reason.

        Of several targets a column each, and of labels their probabilities after them.
        """
        values: dict[str, Any] = {"prediction": self.prediction, "probability": self.probability}
        if self.targets:
            values = dict(zip(self.targets, self.prediction.T, strict=True))
            if not np.isnan(self.probability).all():
                chances = zip(self.targets, self.probability.T, strict=True)
                values |= {f"probability of {name}": own for name, own in chances}
        return pd.DataFrame({**values, "refused": self.refused, "reason": self.reason})

    @property
    def summary(self) -> dict[str, Any]:
        """The answer in words, the rows, and whether they have left the training environments."""
        rows = self.frame.to_dict("records")
        return {
            "answer": self.answer,
            "rows": json_values(rows),
            "refused": int(self.refused.sum()),
            "false_alarms": self.false_alarms,
            "batch": json_values(self.batch),
        }


def answers_of(parts: Parts, X: Any) -> Answers:
    """Answers of a delivered model; see :meth:`gengap.delivery.model.Delivered.decide`."""
    begin(parts)
    form = parts.trained.problem
    given, reason, column = unreadable(form.X, as_table(form, X))
    table = form.read_alike(given)
    n = len(reason)
    strange = np.full(n, np.inf)
    for start in range(0, n, BLOCK):
        at = np.arange(start, min(start + BLOCK, n))
        at = at[reason[at] == ""]
        if parts.guard is not None and len(at):
            said = parts.guard(_rows(table, at))
            reason[at], column[at] = said.reason, said.column
            strange[at] = _strangeness(parts.guard, said, _rows(table, at))
    shape = (n, *form.y.shape[1:])
    prediction = np.full(shape, None, dtype=object)
    probability = np.full(shape, np.nan)
    for start in range(0, n, BLOCK):
        at = np.arange(start, min(start + BLOCK, n))
        _answer(parts, table, at[reason[at] == ""], prediction, probability, reason)
    return Answers(
        parts.said.target,
        parts.said.kind,
        prediction,
        probability,
        reason != "",
        reason,
        column,
        None if parts.guard is None else parts.guard.calibration.false_alarms,
        _leaving(parts, table, strange),
        form.target_names,
    )


def begin(parts: Parts) -> None:
    """A new table is to be answered."""
    if isinstance(parts.trained, Adapting):
        parts.trained.begin()


def _answer(
    parts: Parts,
    table: Any,
    at: np.ndarray,
    prediction: np.ndarray,
    probability: np.ndarray,
    reason: np.ndarray,
) -> None:
    """Fill in answers to rows; where the model does not take them, halves are tried."""
    if not len(at):
        return
    try:
        said, chances = parts.trained.answers(_rows(table, at))
    except UsageError as error:
        if len(at) == 1:
            reason[at] = str(error)
            return
        for half in np.array_split(at, 2):
            _answer(parts, table, half, prediction, probability, reason)
        return
    prediction[at] = class_values(parts.said.classes)[said] if parts.said.classes else said
    if chances is not None and said.ndim > 1:
        probability[at] = np.where(said == 1, chances, 1 - chances)
    elif chances is not None:
        probability[at] = chances[np.arange(len(at)), said]
    finite = np.isfinite(said).reshape(len(at), -1).all(axis=1)
    bad = at[~finite] if said.dtype.kind == "f" else at[:0]
    prediction[bad], reason[bad] = None, "the model's answer is not finite"


def _strangeness(guard: Guard, said: Decision, rows: Any) -> np.ndarray:
    """How strange rows ``(m,)`` are; infinitely where they cannot be read."""
    found = strangeness(said.score, guard.reach(rows).beyond)
    return np.where(np.isnan(said.score), np.inf, found)


def _leaving(parts: Parts, table: Any, strange: np.ndarray) -> Leaving | None:
    guard, homes, encoded = parts.guard, parts.homes, parts.trained.problem.encoded
    if guard is None or homes is None:
        return None
    known, column = guard.calibration, None
    if parts.profile is not None:
        column = moved(parts.profile, encode_alike(table, encoded.codes), encoded)
    return leaving(
        strange,
        strangeness(known.scores, known.beyond),
        homes,
        parts.said.run.train_environments,
        known.false_alarms,
        column,
    )


def _rows(table: Any, at: np.ndarray) -> Any:
    return table.iloc[at] if isinstance(table, pd.DataFrame) else table[at]
