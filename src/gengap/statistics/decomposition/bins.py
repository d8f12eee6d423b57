"""Features as numbers of bins that hold equal weight, for boosted trees.

scikit-learn cuts a column of weighted rows into the same bins, but sorts it again for each of their
254 limits; of a column with few values it takes every value. Trees of these numbers are the trees
of the features.
"""

from __future__ import annotations

import numpy as np

MOST = 255  # of scikit-learn's histogram boosting


def binned(train: np.ndarray, weight: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training rows and others as numbers of bins, ``(n, d)`` and ``(m, d)``.

    Args:
        train: ``(n, d)`` without missing values.
        weight: ``(n,)``, above 0.
        new: ``(m, d)``; what lies beyond all training rows is in the first bin or the last.
    """
    first, second = np.empty(train.shape), np.empty(new.shape)
    for k, column in enumerate(train.T):
        between = limits(column, weight)
        first[:, k] = np.searchsorted(between, column)
        second[:, k] = np.searchsorted(between, new[:, k])
    return first, second


def limits(column: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What separates at most ``MOST`` bins of a column ``(n,)``; a limit belongs to the bin below.

    The midpoints of its values where they are few, else quantiles of the weighted rows, the mean of
    two values where one splits the weight exactly (definition 2 of R. J. Hyndman & Y. Fan, The
    American Statistician 50 (1996), 361-365).
    """
    values = np.unique(column)
    if len(values) <= MOST:
        return np.asarray((values[:-1] + values[1:]) / 2)
    order = np.argsort(column)
    ordered, below = column[order], np.cumsum(weight[order])
    wanted = np.linspace(0, 100, MOST + 1)[1:-1] / 100 * below[-1]
    last = len(ordered) - 1
    at = np.minimum(np.searchsorted(below, wanted), last)
    after = ordered[np.minimum(at + 1, last)]
    exact = below[at] - wanted <= np.finfo(np.float64).eps
    return np.unique(np.where(exact, (ordered[at] + after) / 2, ordered[at]))
