"""Forecasts from the labelled examples nearest to each new one in feature space.

Either the model's own record there, the mean score of the ``k`` nearest labelled examples, or
whether their labels are what the model answers. The first assumes that the model is as good on a
new example as on its neighbours; it is importance weighting with weights that count how often a
labelled example is a neighbour. The second assumes that near examples share a class; it sees errors
that the first cannot, and promises too little where classes mix. Both know nothing far from all
labelled examples, where "nearest" is not near.

Source: the nearest-neighbour rule of T. Cover & P. Hart, Nearest neighbor pattern classification,
IEEE Transactions on Information Theory 13 (1967), 21-27.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.questions.forecasting import checks

NEIGHBOURS = 10


def neighbour_score(
    source: ArrayLike, score: ArrayLike, target: ArrayLike, k: int = NEIGHBOURS
) -> float:
    """Mean score of the ``k`` labelled examples nearest to each new one.

    Args:
        source: ``(n, d)`` features of the labelled examples, used as they are (Euclidean).
        score: ``(n,)`` the model's score or loss on them: 0 or 1 for accuracy.
        target: ``(m, d)`` features in the new environment.
        k: neighbours; all where there are fewer.
    """
    _, nearest = _nearest(source, target, k)
    return float(checks.scores(score, len(np.asarray(source)))[nearest].mean())


def neighbour_labels(
    source: ArrayLike,
    labels: ArrayLike,
    target: ArrayLike,
    predicted: ArrayLike,
    k: int = NEIGHBOURS,
) -> float:
    """Share of the ``k`` nearest labelled examples that have the label the model answers.

    Args:
        source: ``(n, d)`` features of the labelled examples; ``labels`` their ``(n,)`` codes.
        target: ``(m, d)`` features in the new environment; ``predicted`` the ``(m,)`` answers.
        k: neighbours; all where there are fewer.
    """
    _, nearest = _nearest(source, target, k)
    y, answers = np.asarray(labels), np.asarray(predicted)
    if y.shape != (len(np.asarray(source)),) or answers.shape != (len(nearest),):
        raise UsageError(
            f"labels and predicted have shapes {y.shape} and {answers.shape}; give one label per "
            "labelled example and one answer per new one."
        )
    return float(np.mean(y[nearest] == answers[:, None]))


def neighbour_distance(source: ArrayLike, target: ArrayLike, k: int = NEIGHBOURS) -> float:
    """Mean Euclidean distance of new examples ``(m, d)`` to the ``k`` nearest labelled ``(n, d)``.

    No forecast: it says when forecasts were never tried this far from labelled examples.
    """
    distance, _ = _nearest(source, target, k)
    return float(distance.mean())


def _nearest(source: ArrayLike, target: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and rows of the nearest labelled examples, both ``(m, k)``."""
    from sklearn.neighbors import NearestNeighbors

    labelled, new = checks.features(source, target)
    if k < 1:
        raise UsageError(f"k is {k}; give at least 1 neighbour.")
    index = NearestNeighbors(n_neighbors=min(k, len(labelled))).fit(labelled)
    distance, rows = index.kneighbors(new)
    return distance, rows
