"""What the tests of several folders share."""

from __future__ import annotations

import os

# Before any import of torch or NumPy: on problems this small, threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest

from postgresql_server import Server, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server, started for the first test that asks for it."""
    with running_server() as server:
        yield server
