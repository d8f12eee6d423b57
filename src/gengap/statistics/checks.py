"""Checks of numbers, labels and probabilities that a user gives; each failure is one sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


def numbers(
    values: ArrayLike, name: str, length: int | None = None, *, infinite: bool = False
) -> np.ndarray:
    """Return ``(n,)`` float64 without NaN, finite unless allowed, at least one of them."""
    found = array(values, name)
    if found.ndim != 1 or len(found) == 0:
        raise UsageError(f"{name} must be a list of numbers, at least one, not {found.shape}.")
    if length is not None and len(found) != length:
        kind = "numbers" if infinite else "finite numbers"
        raise UsageError(f"{name} has {len(found)} values; give {length} {kind}, one each.")
    return _defined(found, name, infinite)


def table(values: ArrayLike, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return finite float64 of a shape; None stands for any positive size."""
    found = array(values, name)
    pairs = zip(found.shape, shape, strict=False)
    fits = all(size == asked or (asked is None and size > 0) for size, asked in pairs)
    if found.ndim != len(shape) or not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise UsageError(f"{name} has shape {found.shape} where ({wanted}) is needed.")
    return _defined(found, name, False)


def probabilities(values: ArrayLike, name: str = "probabilities") -> np.ndarray:
    """Return ``(n, C)`` float64 rows that sum to 1."""
    p = array(values, name)
    if p.ndim != 2 or 0 in p.shape:
        raise UsageError(f"{name} must have shape (examples, classes), not {p.shape}.")
    if not (p >= -1e-6).all() or not np.allclose(p.sum(1), 1, atol=1e-3):
        raise UsageError(f"{name} must be probabilities: rows of at least 0 that sum to 1.")
    return p


def codes(values: ArrayLike, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct environment labels ``(K,)`` and each example's code ``(n,)``."""
    found = np.asarray(values)
    if found.shape != (length,):
        raise UsageError(f"environment must be {length} labels, one each, not {found.shape}.")
    labels, code = np.unique(found, return_inverse=True)
    return labels, code


def classes(values: ArrayLike, length: int, number: int, name: str = "labels") -> np.ndarray:
    """Return ``(n,)`` class codes from 0 to ``number - 1``."""
    found = np.asarray(values)
    whole = found.dtype.kind in "iu"
    if found.shape != (length,) or not whole or not ((found >= 0) & (found < number)).all():
        raise UsageError(f"{name} must be {length} class codes from 0 to {number - 1}, one each.")
    return found


def share(value: float, name: str) -> None:
    """Raise :class:`UsageError` unless ``value`` lies strictly between 0 and 1."""
    if not 0 < value < 1:
        raise UsageError(f"{name} is {value}; give a share between 0 and 1, e.g. 0.1.")


def array(values: ArrayLike, name: str) -> np.ndarray:
    """Return float64, or raise :class:`UsageError` for what are not numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} holds values that are not numbers; give an array.") from None


def _defined(found: np.ndarray, name: str, infinite: bool) -> np.ndarray:
    if np.isnan(found).any() or not (infinite or np.isfinite(found).all()):
        raise UsageError(f"{name} holds values that are missing or infinite; drop these examples.")
    return found
