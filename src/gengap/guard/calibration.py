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

Rows beyond what the guard has seen (:mod:`gengap.guard.reach`) count as stranger than all others,
the further the more: detector and reach make one score, a function that the calibration examples
had no part in, so the proof holds for it as it stands.

``n < 1/alpha - 1`` gives ``p > alpha`` always: such a guard would never reject.

With environments, ``p`` is taken in the new example's own one, where that is told. Else it is the
largest of the p-values taken in each one, so that the rate is kept in every environment rather than
on average, at the price of rejecting less, and far less with many environments (Vovk, Lindsay,
Nouretdinov, Gammerman 2003, Mondrian confidence machine; Bates, Candès, Lei, Romano, Sesia 2023,
Testing for outliers with conformal p-values, Annals of Statistics, arXiv 2104.08279).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import integrate, special

from gengap.base.errors import UsageError

EDGE = 1e40  # larger than any float32, hence than any detector's score
LARGEST = 1e39


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of normal examples, to judge others by.

    Attributes:
        scores: ``(n,)`` float32 of the detector.
        beyond: ``(n,)`` float32, how far each example lies beyond what was seen; above 1 it does.
        sizes: examples of each environment, in the order of ``scores``; one number without any.
        names: the environments, or ``()`` when they are not told apart.
        false_alarms: ``alpha``.
    """

    scores: np.ndarray
    beyond: np.ndarray
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    false_alarms: float

    def p_values(
        self,
        scores: np.ndarray,
        beyond: np.ndarray | None = None,
        environment: np.ndarray | None = None,
    ) -> np.ndarray:
        """p-value ``(m,)`` of each row; NaN where the score is not a number.

        Args:
            scores: ``(m,)`` of the detector.
            beyond: ``(m,)``, how far each row lies beyond what was seen; without it, the detector
                alone is calibrated.
            environment: ``(m,)`` numbers of the rows' environments, negative where it is another
                one or none is known.
        """
        keys = joined(scores, beyond)
        own = [self._p(known, keys) for known in self._environments(beyond is None)]
        values = np.max(own, 0)
        for k, p in enumerate(own if environment is not None else ()):
            values = np.where(environment == k, p, values)
        return np.where(np.isnan(scores), np.nan, values)

    @property
    def threshold(self) -> float:
        """The score above which an example within reach is rejected; inf where none is."""
        alpha = self.false_alarms
        key = max(float(own[-rank(len(own), alpha)]) for own in self._environments())
        return key if key < EDGE else math.inf

    @property
    def resting(self) -> int:
        """How many calibration examples the threshold rests on, where they are fewest."""
        return min(rank(size, self.false_alarms) for size in self.sizes)

    def rate(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of this guard's own rate of false alarms, which varies between calibrations.

        Over calibrations it is distributed as Beta(k, n + 1 - k), ``k`` of ``n`` examples lying
        above the threshold; with environments, the smallest one's.
        """
        n = min(self.sizes)
        k = rank(n, self.false_alarms)
        low, high = special.betaincinv(k, n + 1 - k, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def rejected(self) -> float:
        """Share of the calibration examples that would be rejected by all the others.

        Far below ``alpha`` where the rate is kept in each of several environments at once.
        """
        groups = self._environments()
        counts = 0
        for k, own in enumerate(groups):
            p = (len(own) - np.searchsorted(own, own, side="left")) / len(own)
            others = [self._p(known, own) for j, known in enumerate(groups) if j != k]
            counts += int((np.max([p, *others], 0) <= self.false_alarms).sum())
        return counts / len(self.scores)

    def if_alike(self) -> float:
        """Share of normal examples rejected, untold whose, if all environments were alike.

        Each one's threshold then leaves a share of them above it that is distributed as in
        :meth:`rate`, and the smallest of these counts; its mean is the integral of the chance that
        all exceed ``x``.
        """
        ranks = [rank(n, self.false_alarms) for n in self.sizes]

        def all_exceed(x: float) -> float:
            shares = [
                special.betaincc(k, n + 1 - k, x) for k, n in zip(ranks, self.sizes, strict=True)
            ]
            return float(np.prod(shares))

        most = min(1.0, 10 * max(k / (n + 1) for k, n in zip(ranks, self.sizes, strict=True)))
        return float(integrate.quad(all_exceed, 0, most)[0])

    def _p(self, known: np.ndarray, keys: np.ndarray) -> np.ndarray:
        above = len(known) - np.searchsorted(known, keys, side="left")
        return (1 + above) / (len(known) + 1)

    def _environments(self, alone: bool = False) -> list[np.ndarray]:
        """The joint scores of each environment, ascending; of the detector ``alone`` if asked."""
        return self._alone if alone else self._joint

    @cached_property
    def _joint(self) -> list[np.ndarray]:
        return self._ascending(joined(self.scores, self.beyond))

    @cached_property
    def _alone(self) -> list[np.ndarray]:
        return self._ascending(joined(self.scores, None))

    def _ascending(self, keys: np.ndarray) -> list[np.ndarray]:
        return [np.sort(own) for own in np.split(keys, np.cumsum(self.sizes)[:-1])]


def joined(scores: np.ndarray, beyond: np.ndarray | None) -> np.ndarray:
    """One strangeness ``(n,)`` float64 of detector and reach: rows beyond it are strangest."""
    keys = np.clip(scores.astype(np.float32).astype(np.float64), -LARGEST, LARGEST)
    if beyond is None:
        return keys
    further = beyond.astype(np.float32).astype(np.float64)
    return np.where(further > 1, EDGE * further, keys)


def calibrate(
    scores: np.ndarray,
    false_alarms: float,
    environment: np.ndarray | None = None,
    names: tuple[str, ...] = (),
    beyond: np.ndarray | None = None,
) -> Calibration:
    """Keep the scores of normal examples for judging others.

    Args:
        scores: ``(n,)`` scores of examples that the detector was not fitted on.
        false_alarms: share of normal examples that may be rejected.
        environment: ``(n,)`` numbers of environments, to keep the rate in each one.
        names: of the environments.
        beyond: ``(n,)``, how far each example lies beyond what was seen.

    Raises:
        UsageError: too few examples ever to reject, or a score that is not a number.
    """
    if np.isnan(scores).any():
        raise UsageError(
            "The detector's score of a calibration example is not a number; choose another "
            "detector."
        )
    told = names if environment is not None else ()
    codes = np.zeros(len(scores), int) if environment is None else environment
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=max(len(told), 1))
    for k, size in enumerate(sizes):
        if rank(int(size), false_alarms) == 0:
            where = f" in environment {told[k]}" if told else ""
            raise UsageError(
                f"{size} calibration examples{where} can never show a false-alarm rate of "
                f"{false_alarms:g}: give enough for {fewest(false_alarms)}, or allow more false "
                "alarms."
            )
    further = np.zeros(len(scores)) if beyond is None else beyond
    return Calibration(
        scores[order].astype(np.float32),
        further[order].astype(np.float32),
        tuple(int(size) for size in sizes),
        told,
        false_alarms,
    )


def rank(n: int, false_alarms: float) -> int:
    """How many of ``n + 1`` normal examples may be rejected: floor(alpha (n + 1))."""
    k = round(false_alarms * (n + 1))
    return k if k / (n + 1) <= false_alarms else k - 1


def fewest(false_alarms: float, k: int = 1) -> int:
    """The smallest number of calibration examples of which ``k`` lie above the threshold."""
    n = max(math.ceil(k / false_alarms) - 2, 0)
    while rank(n, false_alarms) < k:
        n += 1
    return n
