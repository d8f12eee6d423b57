"""What the tests of several folders share."""

from __future__ import annotations

import os

# Before any import of torch or NumPy: on problems this small, threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest

from clusters import dask_here, ray_here
from postgresql_server import Server, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server, started for the first test that asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def ray_executor() -> Iterator[str]:
    """The name of an executor on a Ray of this machine."""
    with ray_here() as name:
        yield name


@pytest.fixture(scope="session")
def dask_executor() -> Iterator[str]:
    """The name of an executor on a Dask cluster of this machine."""
    with dask_here() as (name, _):
        yield name
