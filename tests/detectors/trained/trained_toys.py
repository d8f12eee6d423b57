"""Two-dimensional classes around a circle, and strangers in its middle."""

from __future__ import annotations

import numpy as np

CLASSES = np.array(["a", "b", "c"])


def circle(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``count`` examples ``(n, 4)`` of three classes; two of the columns are noise."""
    draw = np.random.default_rng(seed)
    codes = np.arange(count) % 3
    angle = 2 * np.pi * codes / 3
    X = np.stack([4 * np.cos(angle), 4 * np.sin(angle), 0 * angle, 0 * angle], 1)
    return (X + 0.5 * draw.normal(size=X.shape)).astype(np.float32), CLASSES[codes]


def middle(count: int = 60, seed: int = 1) -> np.ndarray:
    """Examples that belong to none of the classes."""
    return (0.5 * np.random.default_rng(seed).normal(size=(count, 4))).astype(np.float32)


def unit(*rows: list[float]) -> np.ndarray:
    """Rows scaled to length 1."""
    values = np.array(rows)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)
