"""Random streams derived from a seed and a purpose, so that no stream depends on another's use."""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *purpose: object) -> int:
    """Return a 63-bit integer that depends on the seed and on every word of the purpose."""
    text = "\x1f".join([str(int(seed)), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *purpose: object) -> np.random.Generator:
    """Return NumPy's generator for a seed and a purpose, e.g. ``generator(0, "parts", "b")``."""
    return np.random.default_rng(derive(seed, *purpose))
