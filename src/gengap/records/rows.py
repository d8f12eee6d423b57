"""From runs and outcomes to rows of the store's tables, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Table

from gengap.base.errors import UsageError
from gengap.records.codec import narrow_floats, narrow_integers, pack, unpack
from gengap.records.run import FinishedRun, KeptModel, Outcome, Part, Run, plain
from gengap.records.tables import curve_table, model_table, outcome_table, score_table


@dataclass(frozen=True)
class StoredRun:
    """A run as the store has it, with what it cost.

    Lists stand where the hyperparameters and settings had tuples; the key is the same.

    Attributes:
        run: the run.
        seconds: its share of its fleet's wall-clock time.
        passes: forward-backward passes over one batch.
        examples: training examples drawn.
        versions: the packages it was made with.
        created: when it was stored, in UTC.
    """

    run: Run
    seconds: float
    passes: float
    examples: int
    versions: Mapping[str, str]
    created: datetime


def narrow_target(target: np.ndarray) -> np.ndarray:
    """Narrow class codes; values stay exact, there is only one such vector for a seed."""
    return target if target.dtype.kind == "f" else narrow_integers(target)


def run_row(done: FinishedRun) -> dict[str, Any]:
    """Return a run's row, but for its number."""
    run = done.run
    return {
        "key": run.key,
        # Made plain, for SQLite would store a numpy scalar as bytes.
        **{own.name: plain(getattr(run, own.name), own.name) for own in fields(Run)},
        "seconds": float(done.seconds),
        "passes": float(done.passes),
        "examples": int(done.examples),
        "versions": plain(done.versions, "versions"),
        "created": datetime.now(UTC).replace(tzinfo=None),
    }


def stored_run(row: Any) -> StoredRun:
    """Read a run's row."""
    run = {own.name: getattr(row, own.name) for own in fields(Run)}
    for name in ("train_environments", "unseen_environments"):
        run[name] = tuple(run[name])
    return StoredRun(
        run=Run(**run),
        seconds=row.seconds,
        passes=row.passes,
        examples=row.examples,
        versions=row.versions,
        created=row.created.replace(tzinfo=UTC),
    )


def outcome_rows(done: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of a run's outcomes, but for the run's number.

    Raises:
        UsageError: unless each step of a part has one vector, or a column for each of several
            targets, all of one length.
    """
    seen: set[tuple[str, int]] = set()
    sizes: dict[str, int] = {}
    rows = []
    for outcome in done.outcomes:
        row = _outcome_row(done.run, outcome)
        size = len(outcome.predicted)
        place = (row["part"], row["step"])
        if place in seen or sizes.setdefault(outcome.part, size) != size:
            raise UsageError(
                f"A run of {done.run.method!r} has two {outcome.part} outcomes at step "
                f"{outcome.step}, or outcomes of different lengths; give one per checkpoint."
            )
        seen.add(place)
        rows.append(row)
    return rows


def _outcome_row(run: Run, outcome: Outcome) -> dict[str, Any]:
    predicted = np.asarray(outcome.predicted)
    chance = outcome.true_probability
    if predicted.ndim not in (1, 2) or (chance is not None and chance.shape != predicted.shape):
        raise UsageError(
            f"A run of {run.method!r} has predictions of shape {predicted.shape} at step "
            f"{outcome.step}; give one prediction, and at most one probability, per example."
        )
    narrow = narrow_floats if predicted.dtype.kind == "f" else narrow_integers
    return {
        "part": outcome.part,
        "step": int(outcome.step),
        "predicted": pack(narrow(predicted)),
        "true_probability": None if chance is None else pack(chance.astype(np.float16)),
    }


def score_rows(done: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of the scores that a run's outcomes have, but for the run's number.

    Raises:
        UsageError: unless there is a row of scores for each prediction.
    """
    rows = []
    for outcome in done.outcomes:
        scores = outcome.scores
        if scores is None:
            continue
        if scores.ndim != 2 or len(scores) != len(outcome.predicted):
            raise UsageError(
                f"A run of {done.run.method!r} has scores of shape {scores.shape} at step "
                f"{outcome.step}; give a row for each of {len(outcome.predicted)} predictions."
            )
        packed = pack(scores.astype(np.float16))
        rows.append({"part": outcome.part, "step": int(outcome.step), "scores": packed})
    return rows


def model_row(model: KeptModel) -> dict[str, Any]:
    """Return a kept model's row, but for its run's number."""
    return {
        "step": int(model.step),
        "format": model.format,
        "bytes": len(model.content),
        "created": datetime.now(UTC).replace(tzinfo=None),
        "content": model.content,
    }


def rows_beside(done: FinishedRun) -> dict[Table, list[dict[str, Any]]]:
    """What other tables hold of a run, but for the run's number.

    Raises:
        UsageError: see :func:`outcome_rows`.
    """
    return {
        outcome_table: outcome_rows(done),
        score_table: score_rows(done),
        model_table: [model_row(model) for model in done.models],
        curve_table: curve_rows(done),
    }


def curve_rows(done: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of a run's curves, but for the run's number."""
    steps = np.array(sorted({outcome.step for outcome in done.outcomes}), dtype=np.int64)
    return [
        {"name": name, "step": pack(steps), "value": pack(np.asarray(values, dtype=np.float64))}
        for name, values in done.curves.items()
    ]


def read_outcome(row: Any, part: Part) -> Outcome:
    """Read an outcome's row."""
    predicted = unpack(row.predicted)
    return Outcome(
        step=row.step,
        part=part,
        # Narrow unsigned codes would wrap around in a subtraction.
        predicted=predicted if predicted.dtype.kind == "f" else predicted.astype(np.int32),
        true_probability=None if row.true_probability is None else unpack(row.true_probability),
        scores=unpack(row.scores) if getattr(row, "scores", None) is not None else None,
    )
