"""Forecasts from how far runs of the same training agree.

Train twice with different seeds. Where the runs as a class are calibrated - of the examples on
which a share ``q`` of all runs answers ``c``, a share ``q`` is ``c`` - a random run is right with
probability ``sum_c q_c^2``, and two random runs agree with the same probability:

    agreement = accuracy.

It needs no labels at all. It overestimates where runs are wrong in the same way, which shift makes
likely, and where they share training examples or start from the same weights.

Source: Y. Jiang, V. Nagarajan, C. Baek & J. Z. Kolter, Assessing generalization of SGD via
disagreement, arXiv 2106.13799 (2022).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError


def agreement(predicted: ArrayLike) -> float:
    """Share of examples on which two runs answer alike, averaged over pairs of runs.

    Args:
        predicted: ``(S, m)`` class codes answered by ``S >= 2`` runs in the new environment.

    Example:
        >>> agreement([[0, 1, 1, 2], [0, 1, 2, 2]])
        0.75
    """
    runs = _runs(predicted)
    return float(np.mean([np.mean(a == b) for a, b in combinations(runs, 2)]))


def disagreement(predicted: ArrayLike) -> float:
    """Mean absolute difference of two runs' predicted values, averaged over pairs of runs.

    Args:
        predicted: ``(S, m)`` values predicted by ``S >= 2`` runs in the new environment.
    """
    runs = _runs(predicted).astype(np.float64)
    return float(np.mean([np.mean(np.abs(a - b)) for a, b in combinations(runs, 2)]))


def _runs(predicted: ArrayLike) -> np.ndarray:
    runs = np.asarray(predicted)
    if runs.ndim != 2 or len(runs) < 2 or runs.shape[1] == 0:
        raise UsageError(
            f"Agreement needs predictions of at least 2 runs, shape (runs, examples), not "
            f"{runs.shape}; train more seeds."
        )
    return runs
