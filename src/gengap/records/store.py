"""The append-only table of runs and their per-example predictions.

Rows are added and never changed. A run is known by its key (see :class:`~gengap.records.Run`), so
adding it twice, or from two processes that share a store, leaves the first. Whatever a study
computes later, it computes from here.

    with Store("results.db") as store:
        store.add_problem(problem)
        store.add(finished_runs)
        store.outcomes(keys, "test")
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, and_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from gengap.base.errors import UsageError, listing
from gengap.records.codec import pack, unpack
from gengap.records.database import connect, parse, prepare, show, transaction
from gengap.records.rows import (
    StoredRun,
    narrow_target,
    read_outcome,
    rows_beside,
    run_row,
    stored_run,
)
from gengap.records.run import ExampleSet, FinishedRun, Outcome, Part, Problem
from gengap.records.tables import (
    curve_table,
    example_table,
    model_table,
    outcome_table,
    problem_table,
    run_table,
    score_table,
)

# Keys named in one query; every database accepts that many parameters.
CHUNK = 500
# What tells an outcome from the others.
_PLACE = ("run", "part", "step")


class Store:
    """Problems, example sets, runs and what they predicted, in SQLite or PostgreSQL.

    Several processes may read and write one store at once, and threads may share one object. A
    process killed at any moment leaves every stored run complete.

    Args:
        url: a path (SQLite), ``sqlite:///path``, or
            ``postgresql+psycopg://user:password@host:port/database``.
        create: make the store if it is missing, and bring an older one up to date; otherwise either
            is an error.
        migrate: bring an older one up to date (see :mod:`gengap.records.migration`).

    Raises:
        UsageError: if the address is wrong, cannot be reached or written, or holds something else.
            Every method raises it when the database fails later. Passwords are never shown.
    """

    def __init__(self, url: str | Path, *, create: bool = True, migrate: bool = False) -> None:
        self._url = parse(url)
        self._engine = connect(self._url, create)
        self._process = os.getpid()
        self._inherited: list[Engine] = []
        self._known: set[str] = set()
        try:
            prepare(self._engine, create, upgrade=migrate)
        except UsageError:
            self._engine.dispose()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self)!r})"

    def __str__(self) -> str:
        return show(self._url)

    @property
    def engine(self) -> Engine:
        """The connections, for what few commands ask of the database itself."""
        return self._engine

    @property
    def address(self) -> str:
        """The URL it was opened with, password included: for other processes, never for people."""
        return self._url.render_as_string(hide_password=False)

    def close(self) -> None:
        """Close all connections; a store that is used again opens new ones."""
        self._engine.dispose()

    def transaction(self, write: bool = False) -> AbstractContextManager[Connection]:
        """One transaction: all of the block happens, or nothing."""
        if os.getpid() != self._process:
            # After a fork the connections still belong to the parent: neither use nor close them.
            self._inherited.append(self._engine)
            self._engine, self._process = connect(self._url, create=False), os.getpid()
        return transaction(self._engine, write)

    def insert(self, table: Table) -> Any:
        """Return an INSERT that leaves rows alone whose key exists."""
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()

    def add_problem(self, problem: Problem) -> None:
        """Store a problem; one with the same fingerprint is left as it is."""
        variance = float(problem.target_variance)
        # SQLite has no NaN.
        row = vars(problem) | {"target_variance": None if math.isnan(variance) else variance}
        with self.transaction(write=True) as connection:
            connection.execute(self.insert(problem_table), row)

    def problem(self, fingerprint: str) -> Problem:
        """Return one problem.

        Raises:
            UsageError: if the store does not have it.
        """
        known = {problem.fingerprint: problem for problem in self.problems()}
        if fingerprint not in known:
            raise UsageError(
                f"{show(self._url)} has no problem {fingerprint!r}; "
                f"it has: {listing(known) or 'none'}."
            )
        return known[fingerprint]

    def problems(self) -> list[Problem]:
        """Return all problems, ordered by name."""
        query = select(problem_table).order_by(problem_table.c.name, problem_table.c.fingerprint)
        with self.transaction() as connection:
            return [_problem(row) for row in connection.execute(query)]

    def add_examples(self, problem: str, seed: int, part: Part, examples: ExampleSet) -> None:
        """Store which examples a part has under a seed; the same set may be added again.

        Raises:
            UsageError: if the problem is not stored, or other examples are: predictions of both
                would be compared with the wrong targets.
        """
        self._require({problem})
        row = {
            "problem": problem,
            "seed": int(seed),
            "part": part,
            "example": pack(np.asarray(examples.example, dtype=np.int32)),
            "environment": pack(np.asarray(examples.environment, dtype=np.int16)),
            "target": pack(narrow_target(np.asarray(examples.target))),
        }
        with self.transaction(write=True) as connection:
            connection.execute(self.insert(example_table), row)
        stored = self.examples(problem, seed, part)
        if not (
            np.array_equal(stored.example, examples.example)
            and np.array_equal(stored.environment, examples.environment)
            and np.array_equal(stored.target, examples.target)
        ):
            raise UsageError(
                f"{show(self._url)} holds other {part} examples for seed {seed} of this problem; "
                "they were drawn by another version of gengap, so start a new store."
            )

    def examples(self, problem: str, seed: int, part: Part) -> ExampleSet:
        """Return the examples of a part under a seed; targets are int64 or float64.

        Raises:
            UsageError: if the store does not have them.
        """
        columns = example_table.c
        query = select(example_table).where(
            columns.problem == problem, columns.seed == int(seed), columns.part == part
        )
        with self.transaction() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UsageError(
                f"{show(self._url)} has no {part} examples for seed {seed} of problem {problem!r}; "
                "run the study that needs them."
            )
        target = unpack(row.target)
        return ExampleSet(
            example=unpack(row.example),
            environment=unpack(row.environment),
            target=target.astype(np.float64 if target.dtype.kind == "f" else np.int64),
        )

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose runs are stored."""
        found: set[str] = set()
        with self.transaction() as connection:
            for chunk in in_chunks(keys):
                query = select(run_table.c.key).where(run_table.c.key.in_(chunk))
                found.update(connection.scalars(query))
        return found

    def add(self, runs: Sequence[FinishedRun]) -> None:
        """Store runs with their outcomes in one transaction; stored keys are left as they are.

        Raises:
            UsageError: if a run's problem is not stored, or its outcomes are not vectors of one
                length for each step and part. Nothing is stored then.
        """
        # In the order of their keys, so that two writers with the same runs cannot deadlock.
        distinct = {done.run.key: done for done in reversed(runs)}
        rows = [run_row(distinct[key]) for key in sorted(distinct)]
        beside = {key: rows_beside(done) for key, done in distinct.items()}
        self._require({done.run.problem for done in runs})
        if not rows:
            return
        with self.transaction(write=True) as connection:
            insert = self.insert(run_table).returning(run_table.c.id, run_table.c.key)
            added = connection.execute(insert, rows).all()
            for table in (outcome_table, score_table, model_table, curve_table):
                values = [
                    {"run": number, **row} for number, key in added for row in beside[key][table]
                ]
                if values:
                    connection.execute(table.insert(), values)

    def add_to(self, runs: Sequence[FinishedRun]) -> None:
        """Add to runs that are stored what they lack: models, curves, scores, other parts."""
        by_key = {done.run.key: done for done in runs}
        with self.transaction(write=True) as connection:
            for chunk in in_chunks(by_key):
                query = select(run_table.c.id, run_table.c.key).where(run_table.c.key.in_(chunk))
                for number, key in connection.execute(query).all():
                    for table, rows in rows_beside(by_key[key]).items():
                        if rows:
                            values = [{"run": number, **row} for row in rows]
                            connection.execute(self.insert(table), values)

    def curves(self, keys: Iterable[str]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
        """Steps and values ``(n,)`` of what runs noted beside their outcomes, by key and name."""
        query = select(
            run_table.c.key, curve_table.c.name, curve_table.c.step, curve_table.c.value
        ).join(curve_table, curve_table.c.run == run_table.c.id)
        with self.transaction() as connection:
            return {
                (row.key, row.name): (unpack(row.step), unpack(row.value))
                for chunk in in_chunks(keys)
                for row in connection.execute(query.where(run_table.c.key.in_(chunk)))
            }

    def _require(self, problems: set[str]) -> None:
        if problems <= self._known:  # what is stored stays stored
            return
        with self.transaction() as connection:
            self._known |= set(connection.scalars(select(problem_table.c.fingerprint)))
        if problems - self._known:
            raise UsageError(
                f"{show(self._url)} has no problem {sorted(problems - self._known)[0]!r}; "
                "add it with add_problem before its examples and runs."
            )

    def runs(
        self, problem: str | None = None, keys: Iterable[str] | None = None
    ) -> list[StoredRun]:
        """Return the stored runs, oldest first: all, those of a problem, those of some keys."""
        query = select(run_table)
        if problem is not None:
            query = query.where(run_table.c.problem == problem)
        queries = [query]
        if keys is not None:
            queries = [query.where(run_table.c.key.in_(chunk)) for chunk in in_chunks(keys)]
        with self.transaction() as connection:
            rows = [row for each in queries for row in connection.execute(each)]
        return [stored_run(row) for row in sorted(rows, key=lambda row: row.id)]

    def scored(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose runs have scores of classes."""
        query = select(run_table.c.key).join(score_table, score_table.c.run == run_table.c.id)
        found: set[str] = set()
        with self.transaction() as connection:
            for chunk in in_chunks(keys):
                found.update(connection.scalars(query.where(run_table.c.key.in_(chunk)).distinct()))
        return found

    def outcomes(
        self,
        keys: Iterable[str],
        part: Part,
        steps: Iterable[int] | None = None,
        *,
        scores: bool = False,
    ) -> dict[tuple[str, int], Outcome]:
        """Return the outcomes of runs on one part, by key and step.

        Class codes come back as int32, values as float32 (float64 where float32 would show in a
        score), probabilities as float16.

        Args:
            keys: of the runs; those not stored are absent from the result.
            part: ``"validation"`` or ``"test"``.
            steps: the checkpoints wanted; None for all.
            scores: whether to read the scores of classes too, where there are any.

        Raises:
            UsageError: if an outcome is damaged.
        """
        query = (
            select(
                run_table.c.key,
                outcome_table.c.step,
                outcome_table.c.predicted,
                outcome_table.c.true_probability,
            )
            .join(outcome_table, outcome_table.c.run == run_table.c.id)
            .where(outcome_table.c.part == part)
        )
        if scores:
            alike = [getattr(score_table.c, n) == outcome_table.c[n] for n in _PLACE]
            query = query.add_columns(score_table.c.scores).outerjoin(score_table, and_(*alike))
        if steps is not None:
            query = query.where(outcome_table.c.step.in_([int(step) for step in steps]))
        with self.transaction() as connection:
            return {
                (row.key, row.step): read_outcome(row, part)
                for chunk in in_chunks(keys)
                for row in connection.execute(query.where(run_table.c.key.in_(chunk)))
            }


def _problem(row: Any) -> Problem:
    own = row._asdict() | {"environments": tuple(row.environments), "classes": tuple(row.classes)}
    if row.target_variance is None:
        own["target_variance"] = math.nan
    return Problem(**own)


def in_chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """Distinct keys, as many at a time as one query may name."""
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), CHUNK):
        yield distinct[start : start + CHUNK]
