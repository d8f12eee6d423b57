"""Drawing and dealing examples, shared by the suites."""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments


def at_least_one(n: int, option: str = "n") -> None:
    """Refuse a number of examples below one."""
    if n < 1:
        raise UsageError(f"{option} must be at least 1 example per environment, not {n}.")


def thin(environments: Environments, n: int | None, seed: int) -> Environments:
    """Keep at most ``n`` examples per environment, drawn by ``seed``; None keeps all."""
    if n is None:
        return environments
    at_least_one(n)
    rng = np.random.default_rng(seed)
    kept = [
        np.sort(rng.permutation(np.flatnonzero(environments.environment == k))[:n])
        for k in range(len(environments.names))
    ]
    return environments.select(np.sort(np.concatenate(kept)))


def deal(y: np.ndarray, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Deal examples into ``parts`` of nearly equal size and nearly equal class frequencies.

    Args:
        y: ``(n,)`` classes.
        parts: how many parts.
        rng: decides which example goes where.

    Returns:
        ``(n,)`` part numbers ``0..parts-1``.
    """
    shuffled = rng.permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    part = np.empty(len(y), dtype=np.int64)
    part[by_class] = np.arange(len(y)) % parts
    return part
