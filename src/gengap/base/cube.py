"""The inputs of a function of signs."""

from __future__ import annotations

import numpy as np


def cube(bits: int) -> np.ndarray:
    """All inputs ``(2^d, d)`` of signs.

    Coordinate ``i`` of row ``r`` is −1 where bit ``i`` of ``r`` is set.
    """
    return 1 - 2 * ((np.arange(2**bits)[:, None] >> np.arange(bits)) & 1)
