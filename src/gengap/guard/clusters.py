"""Rows that belong together: the observations of an episode, the visits of a patient.

Rows of one cluster are alike, so a guard that was fitted on some of them is too much at home on the
others, and a hundred of them say little more than one. Clusters are therefore fitted on or
calibrated on as a whole, and of each that calibrates *one* row, drawn at random, counts: a row
drawn from a new cluster is exchangeable with these, so the rate of false alarms is kept for it;
clusters weigh the same however long they are.

A whole cluster is judged by the median of its rows' strangeness: at least half of its rows are as
strange as that. Those of the calibration clusters are kept, and a new one of median ``s`` gets

    p = (1 + #{c : s_c >= s}) / (C + 1),

the conformal p-value with clusters as the unit; under exchangeability ``P(p <= a) <= a``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.guard.calibration import joined
from gengap.guard.fitting import labels_of


def clusters_of(cluster: Any, rows: int) -> np.ndarray | None:
    """Numbers ``(n,)`` of the clusters that rows belong to; None where none do.

    Raises:
        UsageError: there are not as many labels as rows, or one is missing.
    """
    if cluster is None:
        return None
    codes = pd.factorize(labels_of(cluster, rows, "cluster"))[0]
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise UsageError(f"The cluster of row {row} is missing; name it or leave the row out.")
    return codes


def medians(scores: np.ndarray, beyond: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """The median strangeness of each cluster ``(C,)`` float64, ascending.

    Args:
        scores: ``(n,)`` of the detector.
        beyond: ``(n,)`` how far each row lies beyond what was seen.
        cluster: ``(n,)`` codes.
    """
    found = pd.Series(joined(scores, beyond)).groupby(cluster).median()
    return np.sort(found.to_numpy(np.float64))


def p_value(known: np.ndarray, scores: np.ndarray, beyond: np.ndarray) -> float:
    """Of a cluster's rows, that it is no stranger than the clusters of medians ``known (C,)``.

    A row without a score counts as stranger than any.
    """
    keys = np.where(np.isnan(scores), np.inf, joined(np.nan_to_num(scores), beyond))
    above = len(known) - np.searchsorted(known, np.median(keys), side="left")
    return float((1 + above) / (len(known) + 1))
