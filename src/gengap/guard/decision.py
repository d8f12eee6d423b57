"""What a guard answers, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gengap.guard.rows import Rows
from gengap.models.estimator_outputs import LARGEST
from gengap.models.outputs import Outputs


@dataclass(frozen=True, eq=False)
class Decision:
    """What a guard says of ``n`` examples.

    Attributes:
        accept: ``(n,)`` bool, whether the model's answer may be used.
        score: ``(n,)`` the detector's, larger is stranger; NaN where the row could not be read.
        p_value: ``(n,)`` share of normal examples at least as strange, by detector and reach; NaN
            likewise.
        reason: ``(n,)`` why a row is rejected; empty where it is accepted.
        prediction: ``(n,)`` the model's answers, rejected or not, or ``(n, L)`` of a model of
            several labels or targets; None where there is none, and then of dtype object.
        column: ``(n,)`` the name of the column that made a rejected row strange, or None.
    """

    accept: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    reason: np.ndarray
    prediction: np.ndarray
    column: np.ndarray

    def __len__(self) -> int:
        return len(self.accept)

    def __repr__(self) -> str:
        return f"Decision({int(self.accept.sum())} of {len(self)} accepted)"


def spread(blocks: Sequence[Decision], rows: Rows) -> Decision:
    """Join blocks and put each answer in its row; the others are rejected."""
    n, readable = len(rows.reason), rows.readable
    accept, reason = np.zeros(n, bool), rows.reason.copy()
    score, p_value = np.full(n, np.nan, np.float32), np.full(n, np.nan)
    answers = answers_of(blocks)
    prediction = np.full((n, *answers.shape[1:]), None, dtype=object)
    column = rows.column.copy()
    if blocks:
        accept[readable] = np.concatenate([d.accept for d in blocks])
        reason[readable] = np.concatenate([d.reason for d in blocks])
        column[readable] = np.concatenate([d.column for d in blocks])
        score[readable] = np.concatenate([d.score for d in blocks])
        p_value[readable] = np.concatenate([d.p_value for d in blocks])
        if readable.all():
            prediction = answers
        else:
            prediction[readable] = answers
    return Decision(accept, score, p_value, reason, prediction, column)


def answers_of(decisions: Sequence[Decision]) -> np.ndarray:
    """The answers of several decisions; None in every place of a row that has no answer."""
    parts = [d.prediction for d in decisions]
    shape = max((part.shape[1:] for part in parts), key=len, default=())
    wide = [
        part if part.shape[1:] == shape else np.full((len(part), *shape), None, dtype=object)
        for part in parts
    ]
    return np.concatenate(wide) if wide else np.zeros(0, object)


def refusal(reason: str, column: str | None) -> Decision:
    """The decision on one row that the model cannot read."""
    nan, none = np.full(1, np.nan), np.array([None])
    why, where = (np.array([word], object) for word in (reason, column))
    return Decision(np.zeros(1, bool), nan, nan, why, none, where)


def unusable(outputs: Outputs) -> np.ndarray:
    """Rows whose logits or features are not finite."""
    bad = np.zeros(len(outputs), bool)
    for values in (outputs.logits, outputs.features):
        if values is not None:
            bad |= ~np.isfinite(values.numpy()).all(1)
    return bad


def cut(outputs: Outputs) -> np.ndarray:
    """Rows with logits or features so large that they were cut."""
    bad = np.zeros(len(outputs), bool)
    for values in (outputs.logits, outputs.features):
        if values is not None:
            bad |= (np.abs(values.numpy()) >= LARGEST).any(1)
    return bad
