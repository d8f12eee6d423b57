"""Which examples train, which validate, which test - the same for every method under one seed.

Each environment is dealt into five folds, classes spread evenly. Seed ``s`` tests on fold
``s mod 5`` and validates on the next, so five seeds test every example exactly once; after five
the folds are dealt anew.
"""

from __future__ import annotations

import numpy as np

from gengap.base.seeds import generator

FOLDS = 5
TRAIN, VALIDATION, TEST = 0, 1, 2


def parts(environment: np.ndarray, y: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Return ``(n,)`` int8 codes ``TRAIN``, ``VALIDATION``, ``TEST`` for one seed.

    Args:
        environment: ``(n,)`` environment codes.
        y: ``(n,)`` targets.
        classes: number of classes; 0 deals without regard to the target.
        seed: a number of at least 0.
    """
    fold = folds(environment, y, classes, seed // FOLDS)
    code = np.full(len(y), TRAIN, np.int8)
    code[fold == seed % FOLDS] = TEST
    code[fold == (seed + 1) % FOLDS] = VALIDATION
    return code


def folds(environment: np.ndarray, y: np.ndarray, classes: int, deal: int) -> np.ndarray:
    """Deal each environment's examples into five folds, ``(n,)`` int8."""
    draw = generator(deal, "folds")
    fold = np.empty(len(y), np.int8)
    for k in range(int(environment.max()) + 1):
        rows = draw.permutation(np.flatnonzero(environment == k))
        if classes:
            rows = rows[np.argsort(y[rows], kind="stable")]
        fold[rows] = draw.permutation(FOLDS)[np.arange(len(rows)) % FOLDS]
    return fold
