"""What is wrong with damaged records, looked for only when reading them has failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    Table,
    Text,
    exists,
    func,
    inspect,
    select,
)

from gengap.base.errors import UsageError
from gengap.records.codec import unpack
from gengap.records.run import OF_RUNS
from gengap.records.store import Store
from gengap.records.studies import study_records
from gengap.records.tables import (
    example_table,
    metadata,
    model_table,
    outcome_table,
    problem_table,
    run_table,
    unit_table,
)

_KINDS: dict[Any, tuple[type, ...]] = {
    Text: (str,),
    Integer: (int,),
    BigInteger: (int,),
    Double: (int, float),
    LargeBinary: (bytes, memoryview),
    DateTime: (datetime,),
}
_LISTS = ("environments", "classes", "train_environments", "unseen_environments", "warnings")


def damage(store: Store) -> str:
    """Say in a sentence which table is damaged, and what to do; empty where none is found."""
    try:
        with store.transaction() as connection:
            found = next(_faults(connection), "")
    except UsageError as error:
        return str(error)
    found = found or _broken_plan(store)
    if not found:
        return ""
    return (
        f"{store!r} is damaged: {found}; restore it from a copy, or start a new one and run the "
        "study again."
    )


def _faults(connection: Connection) -> Iterator[str]:
    """What is wrong, table by table, then between tables."""
    present = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in present:
            yield f"the table {table.name} is gone"
        have = {each["name"] for each in inspect(connection).get_columns(table.name)}
        if lacking := [column.name for column in table.columns if column.name not in have]:
            yield f"the table {table.name} lacks the column {lacking[0]!r}"
        try:
            yield from _row_faults(connection, table)
        except Exception as error:  # JSON, dates and text fail in many ways
            reason = getattr(error, "reason", None) or error
            yield f"a row of the table {table.name} cannot be read ({reason})"
    for table in metadata.sorted_tables:
        yield from _orphans(connection, table)
    yield from _sizes(connection)


def _row_faults(connection: Connection, table: Table) -> Iterator[str]:
    wanted = [column for column in table.columns if column is not model_table.c.content]
    for row in connection.execute(select(*wanted)):
        for column, value in zip(wanted, row, strict=True):
            if not _fits(column, value):
                yield f"the table {table.name} holds {value!r:.60} for {column.name!r}"


def _fits(column: Any, value: Any) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, JSON):
        if column.name in _LISTS or column.name == "labels":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        return isinstance(value, dict)
    if isinstance(column.type, LargeBinary):
        if isinstance(value, bytes | memoryview):
            unpack(bytes(value))
            return True
        return False
    # The type of a column that names a row of another table is that row's.
    kinds = next(
        (kinds for kind, kinds in _KINDS.items() if isinstance(column.type, kind)), (object,)
    )
    return isinstance(value, kinds)


def _orphans(connection: Connection, table: Table) -> Iterator[str]:
    for key in table.foreign_keys:
        other = key.column
        query = select(func.count()).where(~exists().where(other == key.parent).correlate(table))
        if count := connection.scalar(query.select_from(table)):
            yield f"{count:,} rows of {table.name} name a row that {other.table.name} lacks"


def _sizes(connection: Connection) -> Iterator[str]:
    """Vectors of one length: units of a problem, outcomes of an example set."""
    joined = select(problem_table.c.examples, unit_table).join_from(problem_table, unit_table)
    for row in connection.execute(joined):
        if not len(unpack(row.environment)) == len(unpack(row.target)) == row.examples:
            yield f"the table {unit_table.name} has not {row.examples:,} units"
    sizes = {}
    for row in connection.execute(select(example_table)):
        size = len(unpack(row.example))
        if not size == len(unpack(row.environment)) == len(unpack(row.target)):
            yield f"the vectors of a row of {example_table.name} differ in length"
        sizes[row.problem, row.seed, row.part] = size
    columns = run_table.c.problem, run_table.c.seed, outcome_table
    measured: dict[int, dict[str, set[int]]] = {}
    for row in connection.execute(select(*columns).join(run_table)):
        measured.setdefault(row.run, {}).setdefault(row.part, set()).add(row.step)
        size = len(unpack(row.predicted))
        wanted = size if row.part in OF_RUNS else sizes.get((row.problem, row.seed, row.part))
        if wanted is None:
            yield f"the table {example_table.name} lacks the {row.part} examples of {row.seed}"
        chance = row.true_probability
        if size != wanted or (chance is not None and len(unpack(chance)) != size):
            yield f"a row of {outcome_table.name} has not {wanted:,} predictions"
    for run in connection.scalars(select(run_table.c.id)):
        parts = measured.get(run, {})
        if not parts.get("test") or parts.get("validation") != parts["test"]:
            yield f"the table {outcome_table.name} lacks what runs predicted"


def _broken_plan(store: Store) -> str:
    """Whether a plan is another than was stored, or lacks runs."""
    try:
        for key, record in study_records(store):
            if record.key != key:
                return "gengap_studies and gengap_cells do not hold the plan that was stored"
    except Exception as error:
        return f"gengap_studies and gengap_cells do not hold a whole plan ({error})"
    return ""
