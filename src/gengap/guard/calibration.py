"""Split-conformal p-values: from a detector's scores to a false-alarm rate that is kept.

``n`` normal examples that the detector was not fitted on have scores ``s_1 ... s_n``. A new example
of score ``s`` gets

    p = (1 + #{i : s_i >= s}) / (n + 1)

and is rejected when ``p <= alpha``. If the new example is normal, that is exchangeable with the
``n``, it is rejected with probability at most ``alpha``, whatever the detector, the distribution
and ``n``. Proof: write the new one as number ``n + 1``; then ``(n + 1) p`` is its ``R_j``, the
number of all ``n + 1`` scores at least as large as score ``j``. Let ``m`` be the largest ``R_j``
that is at most ``k = floor(alpha (n + 1))``. Every ``j`` with ``R_j <= k`` is among the ``m``
scores that are at least as large as that one, so there are at most ``m <= k`` such ``j``. By
exchangeability the new one is each ``j`` with the same probability: P(p <= alpha) <= k / (n + 1).
Ties only lower the count, so nothing is drawn at random; without ties the bound is attained.

``n < 1/alpha - 1`` gives ``p > alpha`` always: such a guard would never reject.

With environments, ``p`` is the largest of the p-values taken in each one, so that the rate is kept
in every environment rather than on average, at the price of rejecting less (Vovk, Lindsay,
Nouretdinov, Gammerman 2003, Mondrian confidence machine; Bates, Candès, Lei, Romano, Sesia 2023,
Testing for outliers with conformal p-values, Annals of Statistics, arXiv 2104.08279).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of normal examples, to judge others by.

    Attributes:
        scores: ``(n,)`` float32, ascending within each environment.
        sizes: examples of each environment, in the order of ``scores``; one number without any.
        names: the environments, or ``()`` when they are not told apart.
        false_alarms: ``alpha``.
    """

    scores: np.ndarray
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    false_alarms: float

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """p-value ``(m,)`` of each score ``(m,)``; a score that is not a number has none, NaN."""
        values = np.zeros(len(scores))
        for own in self._environments():
            beyond = len(own) - np.searchsorted(own, scores, side="left")
            values = np.maximum(values, (1 + beyond) / (len(own) + 1))
        return np.where(np.isnan(scores), np.nan, values)

    @property
    def threshold(self) -> float:
        """The score above which an example is rejected."""
        alpha = self.false_alarms
        return max(float(own[-rank(len(own), alpha)]) for own in self._environments())

    def _environments(self) -> list[np.ndarray]:
        return np.split(self.scores, np.cumsum(self.sizes)[:-1])


def calibrate(
    scores: np.ndarray,
    false_alarms: float,
    environment: np.ndarray | None = None,
    names: tuple[str, ...] = (),
) -> Calibration:
    """Keep the scores of normal examples for judging others.

    Args:
        scores: ``(n,)`` scores of examples that the detector was not fitted on.
        false_alarms: share of normal examples that may be rejected.
        environment: ``(n,)`` numbers of environments, to keep the rate in each one.
        names: of the environments.

    Raises:
        UsageError: too few examples ever to reject, or a score that is not a number.
    """
    if np.isnan(scores).any():
        raise UsageError(
            "The detector's score of a calibration example is not a number; choose another "
            "detector."
        )
    groups = [scores]
    if environment is not None:
        groups = [scores[environment == k] for k in range(len(names))]
    for k, own in enumerate(groups):
        if rank(len(own), false_alarms) == 0:
            where = f" in environment {names[k]}" if environment is not None else ""
            raise UsageError(
                f"{len(own)} calibration examples{where} can never show a false-alarm rate of "
                f"{false_alarms:g}: give enough for {fewest(false_alarms)}, or allow more false "
                "alarms."
            )
    ordered = np.concatenate([np.sort(own) for own in groups]).astype(np.float32)
    told = names if environment is not None else ()
    return Calibration(ordered, tuple(len(own) for own in groups), told, false_alarms)


def rank(n: int, false_alarms: float) -> int:
    """How many of ``n + 1`` normal examples may be rejected: floor(alpha (n + 1))."""
    k = round(false_alarms * (n + 1))
    return k if k / (n + 1) <= false_alarms else k - 1


def fewest(false_alarms: float) -> int:
    """The smallest number of calibration examples with which anything can be rejected."""
    n = max(math.ceil(1 / false_alarms) - 2, 0)
    while rank(n, false_alarms) == 0:
        n += 1
    return n
