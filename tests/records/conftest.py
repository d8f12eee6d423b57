"""Stores to test on: a SQLite file, and a schema on a PostgreSQL server."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from postgresql_server import Server

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address at which no store exists yet, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'results.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_schema(f"store{next(_numbers)}")
