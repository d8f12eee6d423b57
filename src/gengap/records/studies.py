"""Studies in a store: the units they run on, their splits and plans, and their executions.

Functions on a :class:`~gengap.records.store.Store`. Reading never writes; what is written is added
and never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import numpy as np
from sqlalchemy import func, select

from gengap.base.errors import Caveat, UsageError, unknown
from gengap.records.codec import narrow_integers, pack, unpack
from gengap.records.rows import narrow_target
from gengap.records.run import plain
from gengap.records.store import Store
from gengap.records.study import Cell, Execution, StudyRecord, Units
from gengap.records.tables import (
    cell_table,
    execution_table,
    factor_table,
    look_table,
    source_table,
    study_table,
    unit_table,
)


def add_units(store: Store, problem: str, units: Units) -> None:
    """Store a problem's units; those of a problem that has them are left as they are."""
    row = {
        "problem": problem,
        "environment": pack(narrow_integers(np.asarray(units.environment))),
        "target": pack(narrow_target(np.asarray(units.target))),
    }
    factors = [{"problem": problem, **_factor(*item)} for item in units.factors.items()]
    with store.transaction(write=True) as connection:
        connection.execute(store.insert(unit_table), row)
        if factors:
            connection.execute(store.insert(factor_table), factors)


def units_of(store: Store, problem: str) -> Units:
    """The units of a problem.

    Raises:
        UsageError: the store does not have them.
    """
    with store.transaction() as connection:
        row = connection.execute(
            select(unit_table).where(unit_table.c.problem == problem)
        ).one_or_none()
        factors = connection.execute(
            select(factor_table).where(factor_table.c.problem == problem)
        ).all()
    if row is None:
        raise UsageError(
            f"Store {store} does not say which rows belong to which environment; give the gengap "
            "run command that made it again: finished runs are kept."
        )
    target = unpack(row.target)
    return Units(
        environment=unpack(row.environment).astype(np.int64),
        target=target.astype(np.float64 if target.dtype.kind == "f" else np.int64),
        factors={each.name: _column(each) for each in factors},
    )


def add_study(store: Store, study: StudyRecord) -> None:
    """Store a plan; the same one may be added again."""
    own = {"key": study.key, "name": study.name, "problem": study.problem}
    row = own | {"content": plain(study.content, "content")}
    cells = [_cell_row(study.key, number, cell) for number, cell in enumerate(study.cells)]
    with store.transaction(write=True) as connection:
        connection.execute(store.insert(study_table), row)
        connection.execute(store.insert(cell_table), cells)


def add_execution(store: Store, execution: Execution, looks: Mapping[tuple[str, str], int]) -> None:
    """Record that a study was carried out, and how often rules looked at unseen environments.

    Args:
        looks: by selection rule and method, the looks of this study so far; recording the same
            number again changes nothing.
    """
    row = {key: value for key, value in vars(execution).items() if key != "source"} | {
        "finished": execution.finished.replace(tzinfo=None),
        "versions": plain(execution.versions, "versions"),
        "warnings": [{"caveat": w} if isinstance(w, Caveat) else w for w in execution.warnings],
        "skipped": dict(execution.skipped),
    }
    counted = [
        {"study": execution.study, "rule": rule, "method": method, "count": int(count)}
        for (rule, method), count in looks.items()
        if count
    ]
    with store.transaction(write=True) as connection:
        done = connection.execute(execution_table.insert(), row)
        if execution.source and done.inserted_primary_key is not None:
            own = {"execution": done.inserted_primary_key[0]}
            keys = plain(execution.source, "source")
            connection.execute(source_table.insert(), own | {"keys": keys})
        if counted:
            connection.execute(store.insert(look_table), counted)


def executions(store: Store) -> list[Execution]:
    """The last execution of every study, oldest first."""
    last = select(func.max(execution_table.c.id)).group_by(execution_table.c.study)
    query = (
        select(execution_table, source_table.c["keys"].label("source"))
        .join(source_table, source_table.c.execution == execution_table.c.id, isouter=True)
        .where(execution_table.c.id.in_(last))
    )
    with store.transaction() as connection:
        rows = connection.execute(query.order_by(execution_table.c.id)).all()
    return [
        Execution(
            study=row.study,
            finished=row.finished.replace(tzinfo=UTC),
            command=row.command,
            versions=row.versions,
            warnings=tuple(Caveat(w["caveat"]) if isinstance(w, dict) else w for w in row.warnings),
            skipped=row.skipped,
            source=row.source or {},
        )
        for row in rows
    ]


def looks(store: Store, study: str) -> dict[tuple[str, str], int]:
    """The looks at unseen environments in a study, by selection rule and method."""
    columns = look_table.c
    query = (
        select(columns.rule, columns.method, func.max(columns.count).label("most"))
        .where(columns.study == study)
        .group_by(columns.rule, columns.method)
        .order_by(columns.rule, columns.method)
    )
    with store.transaction() as connection:
        return {(row.rule, row.method): row.most for row in connection.execute(query)}


def studies_of(store: Store, problem: str) -> list[str]:
    """Keys of the finished studies of a problem, oldest first."""
    rows = _rows(store)
    return [each.study for each in executions(store) if rows[each.study].problem == problem]


def study_record(store: Store, wanted: str | None = None) -> tuple[StudyRecord, Execution]:
    """A finished study and its last execution.

    Args:
        wanted: the study's name, its key or the beginning of it, or the name or fingerprint of its
            data; of several that fit, and where none is named, the one carried out last.

    Raises:
        UsageError: there is none, or none of that name.
    """
    done = executions(store)
    if not done:
        raise UsageError(_no_study(store))
    rows = _rows(store)
    names = {key: row.name for key, row in rows.items()}
    titles = {problem.fingerprint: problem.name for problem in store.problems()}
    fitting = done
    if wanted is not None:
        # A study of that name goes before one of other name on data of that name.
        fitting = [
            each
            for each in done
            if wanted == names[each.study] or (len(wanted) >= 6 and each.study.startswith(wanted))
        ] or [
            each
            for each in done
            if wanted in (rows[each.study].problem, titles[rows[each.study].problem])
        ]
    if not fitting:
        raise unknown(
            f"Store {store} has no study {wanted!r}", wanted, titles_of(store).values(), 20
        )
    execution = fitting[-1]
    row = rows[execution.study]
    return StudyRecord(row.name, row.problem, row.content, _cells(store, row.key)), execution


def study_records(store: Store) -> list[tuple[str, StudyRecord]]:
    """All plans with the keys they are stored under."""
    return [
        (key, StudyRecord(row.name, row.problem, row.content, _cells(store, key)))
        for key, row in _rows(store).items()
    ]


def titles_of(store: Store) -> dict[str, str]:
    """Names of the finished studies by key; those that several have with a key and a time."""
    done, rows = executions(store), _rows(store)
    names = {each.study: rows[each.study].name for each in done}
    count = Counter(names.values())
    return {
        each.study: name
        if count[name := names[each.study]] == 1
        else f"{name} ({each.study[:8]}, of {each.finished:%Y-%m-%d %H:%M} UTC)"
        for each in done
    }


def choice(store: Store, study: str) -> str:
    """Say which of several studies is the one carried out last; empty where there is but one.

    Args:
        study: its key.
    """
    titles = titles_of(store)
    if len(titles) < 2:
        return ""
    return (
        f"The records hold {len(titles)} studies; this is the one carried out last, "
        f"{titles[study]}. Choose another with --study."
    )


def _no_study(store: Store) -> str:
    if store.runs():
        return (
            f"Store {store} holds runs but no finished study; give the gengap run command that "
            "made them again: finished runs are kept."
        )
    return f"Store {store} holds no study yet; fill it with gengap run."


def _rows(store: Store) -> dict[str, Any]:
    """All planned studies by key."""
    with store.transaction() as connection:
        return {row.key: row for row in connection.execute(select(study_table))}


def _cells(store: Store, study: str) -> tuple[Cell, ...]:
    query = select(cell_table).where(cell_table.c.study == study).order_by(cell_table.c.number)
    with store.transaction() as connection:
        rows = connection.execute(query).all()
    return tuple(
        Cell(
            role=row.role,
            name=row.name,
            rows=_mask(row.rows, row.units),
            fraction=row.fraction,
            slots=row.slots,
            unseen=tuple(row.unseen_environments),
            train=tuple(row.train_environments),
            held_out=_mask(row.held_out, row.units),
            reference=row.reference,
            inner=row.inner,
        )
        for row in rows
    )


def _cell_row(study: str, number: int, cell: Cell) -> dict[str, Any]:
    return {
        "study": study,
        "number": number,
        "role": cell.role,
        "name": cell.name,
        "units": len(cell.rows),
        "rows": pack(np.packbits(cell.rows)),
        "held_out": pack(np.packbits(cell.held_out)),
        "fraction": float(cell.fraction),
        "slots": int(cell.slots),
        "train_environments": list(cell.train),
        "unseen_environments": list(cell.unseen),
        "reference": cell.reference,
        "inner": dict(cell.inner),
    }


def _mask(blob: bytes, count: int) -> np.ndarray:
    return np.unpackbits(unpack(blob), count=count).astype(bool)


def _factor(name: str, values: np.ndarray) -> dict[str, Any]:
    """Numbers as they are; anything else as codes into a list of labels."""
    if values.dtype.kind in "fiub":
        return {"name": name, "column": pack(values.astype(np.float64)), "labels": None}
    labels, codes = np.unique(values.astype(str), return_inverse=True)
    return {"name": name, "column": pack(narrow_integers(codes)), "labels": labels.tolist()}


def _column(row: Any) -> np.ndarray:
    values = unpack(row.column)
    return values if row.labels is None else np.array(row.labels, dtype=object)[values]
