"""One thread for each fit of an estimator: processes side by side must not wait for each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread for a block, and put back what they had."""
    with _pools(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _pools(modules: int) -> Any:
    """The libraries that have threads; found anew when modules were imported, as it takes 3 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
