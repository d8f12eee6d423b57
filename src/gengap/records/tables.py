"""The store's tables: problems, example sets, runs, outcomes, looks."""

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

SCHEMA = 1

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

look_table = Table(
    "gengap_looks",
    metadata,
    Column("study", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("count", BigInteger, primary_key=True),
)
