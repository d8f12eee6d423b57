"""Forecasts from the labelled examples nearest to each new one in feature space.

Either the model's own record there, the mean score of the ``k`` nearest labelled examples, or
whether their labels are what the model answers. The first assumes that the model is as good on a
new example as on its neighbours; it is importance weighting with weights that count how often a
labelled example is a neighbour. The second assumes that near examples share a class; it sees errors
that the first cannot, and promises too little where classes mix. Both know nothing far from all
labelled examples, where "nearest" is not near: the mean distance says when forecasts were never
tried this far from them.

Source: the nearest-neighbour rule of T. Cover & P. Hart, Nearest neighbor pattern classification,
IEEE Transactions on Information Theory 13 (1967), 21-27.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.detectors.tools.neighbours import nearest
from gengap.statistics import checks
from gengap.statistics.two_sample import two_tables

NEIGHBOURS = 10


class Neighbours(NamedTuple):
    """The ``k`` labelled examples nearest to each of ``m`` new ones.

    Attributes:
        distance: ``(m, k)``, ascending.
        rows: ``(m, k)`` which labelled examples.
        labelled: how many there are.
    """

    distance: np.ndarray
    rows: np.ndarray
    labelled: int


def neighbours(source: ArrayLike, target: ArrayLike, k: int = NEIGHBOURS) -> Neighbours:
    """Find the labelled examples nearest to each new one.

    Args:
        source: ``(n, d)`` features of the labelled examples, used as they are (Euclidean).
        target: ``(m, d)`` features in the new environment.
        k: neighbours; all where there are fewer.

    Raises:
        UsageError: features that do not fit or are not finite, or no neighbour asked for.
    """
    labelled, new = two_tables(source, target, finite=True)
    if k < 1:
        raise UsageError(f"k is {k}; give at least 1 neighbour.")
    distance, rows = nearest(torch.from_numpy(labelled), torch.from_numpy(new), k)
    return Neighbours(distance.numpy(), rows.numpy(), len(labelled))


def neighbour_score(score: ArrayLike, near: Neighbours) -> float:
    """Mean over the neighbours of ``score (n,)``: the model's score or loss, 0 or 1 for accuracy.

    Raises:
        UsageError: not one finite number per labelled example.
    """
    return float(checks.numbers(score, "score", near.labelled)[near.rows].mean())


def neighbour_labels(labels: ArrayLike, predicted: ArrayLike, near: Neighbours) -> float:
    """Share of the neighbours that have the label the model answers.

    Args:
        labels: ``(n,)`` codes of the labelled examples.
        predicted: ``(m,)`` the model's answers in the new environment.
        near: the neighbours of each new example.

    Raises:
        UsageError: lengths that do not fit.
    """
    y, answers = np.asarray(labels), np.asarray(predicted)
    if y.shape != (near.labelled,) or answers.shape != (len(near.rows),):
        raise UsageError(
            f"labels and predicted have shapes {y.shape} and {answers.shape}; give one label per "
            "labelled example and one answer per new one."
        )
    return float(np.mean(y[near.rows] == answers[:, None]))
