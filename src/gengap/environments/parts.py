"""Which examples train, which validate, which test - the same for every method under one seed.

Each environment is dealt into five folds, classes spread evenly. Seed ``s`` tests on fold
``s mod 5`` and validates on the next, so five seeds test every example exactly once; after five
the folds are dealt anew. Rows that belong together are in one fold, whatever their environments.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gengap.base.seeds import generator

FOLDS = 5
TRAIN, VALIDATION, TEST = 0, 1, 2


def parts(
    environment: np.ndarray,
    y: np.ndarray,
    classes: int,
    seed: int,
    clusters: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``(n,)`` int8 codes ``TRAIN``, ``VALIDATION``, ``TEST`` for one seed.

    Args:
        environment: ``(n,)`` environment codes.
        y: ``(n,)`` targets; of several ``(n, k)`` whose combinations are spread evenly.
        classes: number of classes; 0 deals without regard to the target.
        seed: a number of at least 0.
        clusters: ``(n,)`` codes from 0 of rows that belong together; None where none do.
    """
    deal = seed // FOLDS
    if classes and y.ndim > 1:
        y = np.unique(y, axis=0, return_inverse=True)[1].ravel()
    if clusters is None:
        fold = folds(environment, y, classes, deal)
    else:
        fold = cluster_folds(environment, y, classes, deal, clusters)
    code = np.full(len(y), TRAIN, np.int8)
    code[fold == seed % FOLDS] = TEST
    code[fold == (seed + 1) % FOLDS] = VALIDATION
    return code


def rows_of_each(
    codes: np.ndarray, kinds: int, among: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers by their code, within a code ascending, and where each code begins and ends.

    Those of code ``k`` are ``rows[ends[k] : ends[k + 1]]``.

    Args:
        codes: ``(n,)`` codes from 0 to ``kinds - 1``.
        kinds: number of codes.
        among: ``(m,)`` ascending row numbers to divide; all where not given.

    Returns:
        rows ``(m,)`` and ends ``(kinds + 1,)``.
    """
    rows = np.arange(len(codes)) if among is None else among
    own = codes[rows]
    ends = np.r_[0, np.cumsum(np.bincount(own, minlength=kinds))]
    return rows[np.argsort(own, kind="stable")], ends


def folds(
    environment: np.ndarray,
    y: np.ndarray,
    classes: int,
    deal: int,
    size: np.ndarray | None = None,
) -> np.ndarray:
    """Deal each environment's examples into five folds, ``(n,)`` int8.

    Args:
        environment: ``(n,)`` environment codes.
        y: ``(n,)`` targets.
        classes: number of classes; 0 deals without regard to the target.
        deal: which of the deals that differ by chance.
        size: ``(n,)`` what each counts for, spread evenly within a class; all alike if not given.
    """
    draw = generator(deal, "folds")
    fold = np.empty(len(y), np.int8)
    by_environment, ends = rows_of_each(environment, int(environment.max()) + 1)
    for start, end in pairwise(ends):
        rows = draw.permutation(by_environment[start:end])
        if size is not None:
            rows = rows[np.argsort(size[rows], kind="stable")]
        if classes:
            rows = rows[np.argsort(y[rows], kind="stable")]
        fold[rows] = draw.permutation(FOLDS)[np.arange(len(rows)) % FOLDS]
    return fold


def cluster_folds(
    environment: np.ndarray, y: np.ndarray, classes: int, deal: int, clusters: np.ndarray
) -> np.ndarray:
    """Deal whole clusters into five folds, ``(n,)`` int8.

    A cluster counts for the environment and the class that most of its rows have, and for as many
    examples as it has rows.
    """
    home = _most_frequent(clusters, environment)
    label = _most_frequent(clusters, y) if classes else np.zeros(len(home))
    return folds(home, label, classes, deal, np.bincount(clusters))[clusters]


def _most_frequent(clusters: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The code that most rows of each cluster have, the lowest of several."""
    pairs, count = np.unique(np.stack([clusters, codes]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -count, pairs[0]))
    _, first = np.unique(pairs[0][order], return_index=True)
    return pairs[1][order][first]
