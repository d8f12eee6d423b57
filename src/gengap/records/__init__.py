"""Runs and their per-example predictions, kept in SQLite or PostgreSQL."""

from gengap.records.rows import StoredRun
from gengap.records.run import (
    ExampleSet,
    FinishedRun,
    Outcome,
    Part,
    Problem,
    Role,
    Run,
)
from gengap.records.store import Store

__all__ = [
    "ExampleSet",
    "FinishedRun",
    "Outcome",
    "Part",
    "Problem",
    "Role",
    "Run",
    "Store",
    "StoredRun",
]
