"""The checks that forecasts share; each failure is one sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


def probabilities(values: ArrayLike, name: str) -> np.ndarray:
    """Return ``(n, C)`` float64 rows that sum to 1, or raise :class:`UsageError`."""
    p = np.asarray(values, dtype=np.float64)
    if p.ndim != 2 or 0 in p.shape:
        raise UsageError(f"{name} must have shape (examples, classes), not {p.shape}.")
    if not (p >= -1e-6).all() or not np.allclose(p.sum(1), 1, atol=1e-3):
        raise UsageError(f"{name} must be probabilities: rows of at least 0 that sum to 1.")
    return p


def labels(values: ArrayLike, p: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return ``(n,)`` class codes that match probabilities ``(n, C)``."""
    y = np.asarray(values)
    whole = y.dtype.kind in "iu"
    if y.shape != p.shape[:1] or not whole or not ((y >= 0) & (y < p.shape[1])).all():
        raise UsageError(
            f"{name} must be {len(p)} class codes from 0 to {p.shape[1] - 1}, one per row of the "
            "probabilities."
        )
    return y


def scores(values: ArrayLike, rows: int) -> np.ndarray:
    """Return ``(n,)`` finite float64 scores or losses, one per labelled example."""
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (rows,) or not np.isfinite(found).all():
        raise UsageError(f"score must be {rows} finite numbers, one per labelled example.")
    return found


def features(source: ArrayLike, target: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return features ``(n, d)`` and ``(m, d)`` as finite float64."""
    a, b = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or 0 in (a.size, b.size):
        raise UsageError(
            "Labelled and unlabelled features must have shapes (n, d) and (m, d), not "
            f"{a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("Features must be finite; fill or drop missing values first.")
    return a, b
