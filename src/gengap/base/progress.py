"""How far a long computation is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a running study is.

    Attributes:
        done: runs done; a fraction while runs train together.
        total: runs of the study.
        doing: what is running.
    """

    done: float
    total: int
    doing: str


class Pace:
    """How fast a computation goes, from what it tells of its progress.

    Attributes:
        now: what was told last.
    """

    def __init__(self) -> None:
        self.now: Progress | None = None
        self._start = time.monotonic()
        self._found = 0.0  # done before this process began

    def tell(self, now: Progress) -> None:
        """Take note of where it is."""
        if self.now is None:
            self._found = now.done
        self.now = now

    @property
    def seconds_left(self) -> float:
        """How long it will still take at this pace; NaN before anything is done."""
        done = 0.0 if self.now is None else self.now.done - self._found
        if self.now is None or done <= 0:
            return math.nan
        return (time.monotonic() - self._start) * (self.now.total - self.now.done) / done
