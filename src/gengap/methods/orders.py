"""In what order a method is shown rows: shuffled laps, unless it asks for another.

An order fills the slots of one training environment. It is drawn before training begins, from the
run's own stream, so a run is the same whichever others it trains beside.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# ``order(draw, rows, when, batch)``: rows ``(m, batch)`` of an environment's ``rows (n,)`` for the
# slots that it fills, of which ``when (m,)`` says at what share of the training, from 0 to below 1.
Order = Callable[[np.random.Generator, np.ndarray, np.ndarray, int], np.ndarray]


def laps(draw: np.random.Generator, rows: np.ndarray, need: int) -> np.ndarray:
    """Walk through rows in shuffled order, anew each time they run out, ``(need,)``."""
    count = -(-need // len(rows))
    order = draw.permuted(np.tile(np.arange(len(rows)), (count, 1)), axis=1).ravel()[:need]
    return rows[order]


def in_laps(
    draw: np.random.Generator, rows: np.ndarray, when: np.ndarray, batch: int
) -> np.ndarray:
    """The order of methods that ask for none."""
    return laps(draw, rows, len(when) * batch).reshape(-1, batch)
