"""How many examples it takes: the size of training set at which a score comes to a level.

Networks may generalise from a certain number of examples on and not below it. Runs ``s``, each
trained on sets of several sizes ``n_1 < n_2 < ...``, have scores that rise from one to the next, up
to noise; the least-squares fit that never falls (isotonic regression) takes that away. Where it
comes to the level between two sizes, ``a_s`` and ``b_s``, the run's own critical size is
interpolated along the logarithm. The estimate is the geometric mean over runs, and the limits are

    exp(mean(log a) − t sd(log a) / √S),        exp(mean(log b) + t sd(log b) / √S),

Student's at the near ends and at the far ones: nothing is known between two sizes, however many
runs agree, so an interval is never narrower than the distance of the sizes that were tried.

Source of the question: V. Varma et al., Explaining grokking through circuit efficiency (2023),
arXiv:2309.02390.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, student_mean


def critical_size(
    sizes: ArrayLike, scores: ArrayLike, level: float = 0.5, confidence: float = 0.95
) -> Interval:
    """The size of training set at which runs come to a level.

    Args:
        sizes: ``(k,)`` ascending, positive.
        scores: ``(S, k)`` of ``S`` runs at each size, larger is better.
        level: between what is generalised and what is not.
        confidence: of the interval, which has limits of two runs or more.

    Raises:
        UsageError: sizes and scores do not fit, or a run is on one side of the level at all sizes.

    Example:
        >>> found = critical_size([100, 200, 400], [[0.1, 0.2, 1.0], [0.0, 0.3, 1.0]])
        >>> round(found.estimate), round(found.low), round(found.high)
        (251, 200, 400)
    """
    along, table = np.asarray(sizes, np.float64), np.atleast_2d(np.asarray(scores, np.float64))
    if along.ndim != 1 or table.shape[-1] != len(along) or not np.isfinite(table).all():
        raise UsageError(
            f"Scores of shape {table.shape} are not one finite number a run and size; there are "
            f"{along.size} sizes."
        )
    if len(along) < 2 or along[0] <= 0 or (np.diff(along) <= 0).any():
        raise UsageError("Give two sizes or more, positive and ascending.")
    found = np.array([_crossing(np.log(along), own, level) for own in table])
    if count := int((found[:, 1] == -np.inf).sum()):
        raise UsageError(
            f"{count} of {len(found)} runs are at {level:g} or above at the smallest size, "
            f"{along[0]:g}; try smaller ones."
        )
    if count := int((found[:, 1] == np.inf).sum()):
        raise UsageError(
            f"{count} of {len(found)} runs stay below {level:g} up to the largest size, "
            f"{along[-1]:g}; try larger ones."
        )
    near, middle, far = (student_mean(column, confidence) for column in found.T)
    return Interval(
        float(np.exp(middle.estimate)),
        float(np.exp(near.low)),
        float(np.exp(far.high)),
        confidence,
    )


def _crossing(along: np.ndarray, scores: np.ndarray, level: float) -> tuple[float, float, float]:
    """The last place below a level, where it is reached, and the first place at or above it."""
    rising = isotonic_regression(scores).x
    above = int(np.searchsorted(rising, level, side="left"))
    if above == 0:
        return (-np.inf,) * 3
    if above == len(along):
        return (np.inf,) * 3
    low, high = rising[above - 1], rising[above]
    share = (level - low) / (high - low)
    place = along[above - 1] + share * (along[above] - along[above - 1])
    return float(along[above - 1]), float(place), float(along[above])
