"""An executor at work, with what a study must know beside it.

How many chunks run at a time, how a value reaches the workers, and which errors mean that a worker
was lost rather than that the work was wrong.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass, field
from typing import Any

from gengap.training.sharing import call, pickled


@dataclass(frozen=True)
class Workers:
    """An executor at work.

    Attributes:
        executor: runs the chunks.
        count: chunks that run at a time.
        here: whether it runs them in this process, so that they share its memory.
        ship: makes of a value what its workers can load it from (see ``sharing.call``).
        lost: errors that tell of a lost worker or cluster.
        inline: whether ``submit`` returns when the work is done.
        ends: whether an error that leaves the block ends what is running.
        alive: whether anybody is left to work.
    """

    executor: Executor
    count: int
    here: bool = False
    ship: Callable[[Any], Any] = pickled
    lost: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)
    inline: bool = False
    ends: bool = False
    alive: Callable[[], bool] = lambda: True

    def share(self, value: Any) -> Shared:
        """Prepare a value for ``submit``; each worker loads it once."""
        return Shared(value) if self.here else Shared(self.ship(value))

    def submit(self, function: Callable[..., Any], shared: Shared, *arguments: Any) -> Future[Any]:
        """Start ``function(value, *arguments)`` on a worker; the function must be importable."""
        if self.here:
            return self.executor.submit(function, shared.source, *arguments)
        return self.executor.submit(call, shared.key, shared.source, function, *arguments)


@dataclass(frozen=True)
class Shared:
    """A value on its way to the workers."""

    source: Any
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
