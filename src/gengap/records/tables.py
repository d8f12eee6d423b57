"""The store's tables: problems with their units, studies with their splits, runs, models."""

from __future__ import annotations

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

SCHEMA = 2

metadata = MetaData()

schema_table = Table("gengap_schema", metadata, Column("version", Integer, primary_key=True))

problem_table = Table(
    "gengap_problems",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("environments", JSON, nullable=False),
    Column("classes", JSON, nullable=False),
    Column("examples", BigInteger, nullable=False),
    Column("target_variance", Double),
    Column("kind", Text, nullable=False, server_default="environment"),
)

example_table = Table(
    "gengap_examples",
    metadata,
    Column("problem", ForeignKey("gengap_problems.fingerprint"), primary_key=True),
    Column("seed", BigInteger, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("example", LargeBinary, nullable=False),
    Column("environment", LargeBinary, nullable=False),
    Column("target", LargeBinary, nullable=False),
)

unit_table = Table(
    "gengap_units",
    metadata,
    Column("problem", ForeignKey("gengap_problems.fingerprint"), primary_key=True),
    Column("environment", LargeBinary, nullable=False),
    Column("target", LargeBinary, nullable=False),
)

factor_table = Table(
    "gengap_factors",
    metadata,
    Column("problem", ForeignKey("gengap_problems.fingerprint"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("column", LargeBinary, nullable=False),
    Column("labels", JSON(none_as_null=True)),
)

study_table = Table(
    "gengap_studies",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("problem", ForeignKey("gengap_problems.fingerprint"), nullable=False),
    Column("content", JSON, nullable=False),
)

cell_table = Table(
    "gengap_cells",
    metadata,
    Column("study", ForeignKey("gengap_studies.key"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    Column("held_out", LargeBinary, nullable=False),
    Column("fraction", Double, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("train_environments", JSON, nullable=False),
    Column("unseen_environments", JSON, nullable=False),
    Column("reference", Text, nullable=False),
    Column("inner", JSON, nullable=False),
)

execution_table = Table(
    "gengap_executions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study", ForeignKey("gengap_studies.key"), nullable=False, index=True),
    Column("finished", DateTime, nullable=False),
    Column("command", Text, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("skipped", JSON, nullable=False),
)

run_table = Table(
    "gengap_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("problem", ForeignKey("gengap_problems.fingerprint"), nullable=False, index=True),
    Column("method", Text, nullable=False),
    Column("hyperparameters", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("split", Text, nullable=False),
    Column("train_environments", JSON, nullable=False),
    Column("unseen_environments", JSON, nullable=False),
    Column("left_out", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("trial", BigInteger, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("passes", Double, nullable=False),
    Column("examples", BigInteger, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("created", DateTime, nullable=False),
)

outcome_table = Table(
    "gengap_outcomes",
    metadata,
    Column("run", ForeignKey("gengap_runs.id"), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("predicted", LargeBinary, nullable=False),
    Column("true_probability", LargeBinary),
)

model_table = Table(
    "gengap_models",
    metadata,
    Column("run", ForeignKey("gengap_runs.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("format", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created", DateTime, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

curve_table = Table(
    "gengap_curves",
    metadata,
    Column("run", ForeignKey("gengap_runs.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("step", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

look_table = Table(
    "gengap_looks",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("count", BigInteger, primary_key=True),
)
