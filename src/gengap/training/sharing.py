"""A value that every chunk of a study reads, sent to each worker once.

A chunk names the value by a key, and a worker that has seen the key does not load it again. How
the value travels is the executor's matter: as a file that processes of this machine map into
memory, as an object of a cluster's own store, or else as bytes beside each chunk.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

# Arrays from this many bytes are mapped, so that the processes of a machine share their pages.
MAPPED_BYTES = 1 << 20
# Values a worker keeps: two studies that take turns on a cluster do not drive each other out.
MOST_KEPT = 2

_kept: dict[str, Any] = {}
_loading = threading.Lock()


@dataclass(frozen=True)
class MappedFile:
    """A pickled value in a folder of this machine, its large arrays in files of their own."""

    folder: str

    def write(self, value: Any) -> MappedFile:
        """Write a value into the folder, which exists and is empty."""
        large: list[Any] = []

        def stays_inside(buffer: Any) -> bool:
            if buffer.raw().nbytes < MAPPED_BYTES:
                return True
            large.append(buffer)
            return False

        folder = Path(self.folder)
        content = cloudpickle.dumps(value, protocol=5, buffer_callback=stays_inside)
        for number, buffer in enumerate(large):
            (folder / f"{number}.array").write_bytes(buffer.raw())
        (folder / "value").write_bytes(content)
        return self

    def load(self) -> Any:
        """Read the value; its large arrays are copied page by page where somebody writes."""
        folder = Path(self.folder)
        buffers = []
        for number in range(len(list(folder.glob("*.array")))):
            with (folder / f"{number}.array").open("rb") as file:
                buffers.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return cloudpickle.loads((folder / "value").read_bytes(), buffers=buffers)


def pickled(value: Any) -> bytes:
    """A value as bytes; functions and classes of a user's script go along."""
    return cloudpickle.dumps(value)


def call(key: str, source: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function(value, *arguments)`` in a worker.

    Args:
        key: names the value among all that are shared.
        source: where a worker that does not hold it finds the value.
    """
    with _loading:
        if key not in _kept:
            while len(_kept) >= MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = _load(source)
        value = _kept[key]
    return function(value, *arguments)


def _load(source: Any) -> Any:
    if isinstance(source, MappedFile):
        return source.load()
    if isinstance(source, list):
        import ray

        source = ray.get(source[0])
    return cloudpickle.loads(source)
