"""Examples sorted from easy to hard by what earlier models got right.

If every example that an able model fails were also failed by all less able ones, the table of
earlier results, its examples sorted from easy to hard, would have ones and then zeros in each row,
and one number per model would say it all. Examples are first sorted by their share of right
answers. Then, in turn, each model's number of ones is set to what fits its row best (``t``
maximises a prefix sum of +1 for right and -1 for wrong), and each example goes where it fits these
numbers best, as long as fewer entries disagree.

The alternation starts at the best of simple orders and never ends above it, but need not find the
best of all orders. Where models were scored on different examples the shares mix difficulty with
who answered; :mod:`gengap.statistics.item_response` tells the two apart.

Source: A. Prabhu et al., Lifelong benchmarks: efficient model evaluation in an era of rapid
progress, arXiv:2402.19472 (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError

MOST_ROUNDS = 20
BLOCK = 1 << 20  # entries of the table handled at a time where each needs an int64


@dataclass(frozen=True)
class Order:
    """Examples from easy to hard.

    Attributes:
        examples: ``(N,)`` columns of the table, the easiest first.
        disagreement: share of the recorded answers that are not ones and then zeros; 0 when all
            models fail the same examples first, NaN for scores other than right and wrong.
    """

    examples: np.ndarray
    disagreement: float


def sort_examples(correct: ArrayLike) -> Order:
    """Sort examples by what earlier models got right.

    Args:
        correct: ``(M, N)`` scores of earlier models in 0 to 1, NaN where an example was not scored.
            Scores between 0 and 1 are sorted by their mean alone.

    Raises:
        UsageError: no table, other values, an example without scores.

    Example:
        >>> sort_examples([[0, 1, 1], [0, 1, 0]]).examples.tolist()
        [1, 2, 0]
    """
    table = checked_scores(correct, 2)
    counted = np.sum(~np.isnan(table), axis=0)
    if not counted.all():
        raise UsageError(
            f"Example {np.flatnonzero(counted == 0)[0]} has no scores; leave it out of the table."
        )
    mean = np.nansum(table, axis=0) / counted
    order = np.argsort(-mean, kind="stable")
    if not is_binary(table):
        return Order(order, math.nan)
    signs = np.nan_to_num(2 * table - 1).astype(np.int8)
    wrong, thresholds = fit_rows(signs[:, order])
    for _ in range(MOST_ROUNDS):
        place = _best_places(signs, thresholds)
        trial = np.lexsort((-mean, place))
        fewer, found = fit_rows(signs[:, trial])
        if fewer >= wrong:
            break
        order, wrong, thresholds = trial, fewer, found
    return Order(order, wrong / int(counted.sum()))


def fit_rows(signs: np.ndarray) -> tuple[int, np.ndarray]:
    """Best number of leading ones ``(M,)`` per row of +1, -1 and 0, and the entries that disagree.

    Of equally good numbers the middle one is taken.
    """
    wrong = 0
    thresholds = np.empty(len(signs), dtype=np.int64)
    step = max(1, BLOCK // signs.shape[1])
    for start in range(0, len(signs), step):
        rows = signs[start : start + step]
        gain = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1, dtype=np.int64)
        best = gain.max(axis=1)
        wrong += int(np.sum(rows == 1) - best.sum())
        for m, row in enumerate(gain == best[:, None]):
            ties = np.flatnonzero(row)
            thresholds[start + m] = ties[len(ties) // 2]
    return wrong, thresholds


def _best_places(signs: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Where each example ``(N,)`` disagrees least: after how many models, the ablest counted last.

    An example placed below exactly the thresholds of the ``i`` ablest models should be right for
    these and wrong for the others; 0 for the easiest place.
    """
    ablest = np.argsort(-thresholds, kind="stable")
    _, reached = fit_rows(signs[ablest].T)
    return len(thresholds) - reached


def is_binary(values: np.ndarray) -> bool:
    """Whether all scores are right or wrong, NaN aside."""
    return bool(np.all((values == 0) | (values == 1) | np.isnan(values)))


def checked_scores(values: ArrayLike, axes: int) -> np.ndarray:
    """Scores as floats with so many axes; NaN stays.

    Raises:
        UsageError: another shape, nothing at all, or scores outside 0 to 1.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != axes or 0 in table.shape:
        shape = "a table of models x examples" if axes == 2 else "one score per example chosen"
        raise UsageError(f"Scores must be {shape}, not of shape {table.shape}.")
    outside = table[(table < 0) | (table > 1)]
    if outside.size:
        raise UsageError(f"Scores must lie in 0 to 1, not at {outside[0]:g}; rescale them.")
    return table
