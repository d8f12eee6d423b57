"""The store's tables: problems with their units, studies with their splits, runs, models."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

SCHEMA = 5

metadata = MetaData()


def _table(name: str, *columns: Column[Any] | list[Column[Any]]) -> Table:
    each = [column for part in columns for column in (part if isinstance(part, list) else [part])]
    return Table(f"gengap_{name}", metadata, *each)


def _keys(kind: Any, *names: str) -> list[Column[Any]]:
    """Columns that together tell a row from the others."""
    return [Column(name, kind, primary_key=True) for name in names]


def _filled(kind: Any, *names: str) -> list[Column[Any]]:
    """Columns that every row fills."""
    return [Column(name, kind, nullable=False) for name in names]


def _of(name: str, table: str, **options: Any) -> Column[Any]:
    """A column that names a row of another table."""
    return Column(name, ForeignKey(f"gengap_{table}"), nullable=False, **options)


schema_table = _table("schema", _keys(Integer, "version"))

problem_table = _table(
    "problems",
    _keys(Text, "fingerprint"),
    _filled(Text, "name", "task"),
    _filled(JSON, "environments", "classes"),
    _filled(BigInteger, "examples"),
    Column("target_variance", Double),
    Column("kind", Text, nullable=False, server_default="environment"),
    Column("targets", JSON, nullable=False, server_default="{}"),
)

example_table = _table(
    "examples",
    _of("problem", "problems.fingerprint", primary_key=True),
    _keys(BigInteger, "seed"),
    _keys(Text, "part"),
    _filled(LargeBinary, "example", "environment", "target"),
)

unit_table = _table(
    "units",
    _of("problem", "problems.fingerprint", primary_key=True),
    _filled(LargeBinary, "environment", "target"),
)

factor_table = _table(
    "factors",
    _of("problem", "problems.fingerprint", primary_key=True),
    _keys(Text, "name"),
    _filled(LargeBinary, "column"),
    Column("labels", JSON(none_as_null=True)),
)

study_table = _table(
    "studies",
    _keys(Text, "key"),
    _filled(Text, "name"),
    _of("problem", "problems.fingerprint"),
    _filled(JSON, "content"),
)

cell_table = _table(
    "cells",
    _of("study", "studies.key", primary_key=True),
    _keys(Integer, "number"),
    _filled(Text, "role", "name", "reference"),
    _filled(LargeBinary, "rows", "held_out"),
    _filled(BigInteger, "units"),
    _filled(Integer, "slots"),
    _filled(Double, "fraction"),
    _filled(JSON, "train_environments", "unseen_environments", "inner"),
)

execution_table = _table(
    "executions",
    _keys(Integer, "id"),
    _of("study", "studies.key", index=True),
    _filled(DateTime, "finished"),
    _filled(Text, "command"),
    _filled(JSON, "versions", "warnings", "skipped"),
)

source_table = _table(
    "sources",
    _of("execution", "executions.id", primary_key=True),
    _filled(JSON, "keys"),
)

run_table = _table(
    "runs",
    _keys(Integer, "id"),
    Column("key", Text, nullable=False, unique=True),
    _of("problem", "problems.fingerprint", index=True),
    _filled(Text, "method", "model", "role", "split", "left_out"),
    _filled(JSON, "hyperparameters", "train_environments", "unseen_environments"),
    _filled(JSON, "settings", "versions"),
    _filled(BigInteger, "seed", "trial", "examples"),
    _filled(Double, "seconds", "passes"),
    _filled(DateTime, "created"),
)

outcome_table = _table(
    "outcomes",
    _of("run", "runs.id", primary_key=True),
    _keys(Text, "part"),
    _keys(BigInteger, "step"),
    _filled(LargeBinary, "predicted"),
    Column("true_probability", LargeBinary),
)

score_table = _table(
    "scores",
    _of("run", "runs.id", primary_key=True),
    _keys(Text, "part"),
    _keys(BigInteger, "step"),
    _filled(LargeBinary, "scores"),
)

model_table = _table(
    "models",
    _of("run", "runs.id", primary_key=True),
    _keys(BigInteger, "step"),
    _filled(Text, "format"),
    _filled(BigInteger, "bytes"),
    _filled(DateTime, "created"),
    _filled(LargeBinary, "content"),
)

curve_table = _table(
    "curves",
    _of("run", "runs.id", primary_key=True),
    _keys(Text, "name"),
    _filled(LargeBinary, "step", "value"),
)

look_table = _table("looks", _keys(Text, "study", "rule", "method"), _keys(BigInteger, "count"))
