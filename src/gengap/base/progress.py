"""How far a long computation is."""

from __future__ import annotations

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
