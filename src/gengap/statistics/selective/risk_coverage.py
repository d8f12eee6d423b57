"""What refusing the strangest inputs is worth: the risk-coverage curve, its areas, and intervals.

Sort ``n`` examples from least to most strange and answer the first ``k``: the coverage is ``k/n``
and the selective risk the mean loss of those answered,

    R_k = C_k / k,      C_k = l_(1) + ... + l_(k).

    AURC           mean of R_k over k = 1 .. n; smaller is better
    gain           mean loss - AURC: what the order is worth against refusing at random
    excess AURC    AURC - AURC of the oracle, which sorts by the loss itself
    generalised    area under C_k / n, by the trapezoid rule

The AURC weighs the few examples answered first very heavily: the loss at rank ``i`` counts
``(1/i + .. + 1/n) / n``. The generalised area, whose height is the chance of an answer that is also
wrong, counts it ``(n - i + 1/2) / n^2``. For losses of 0 and 1 with error rate ``e`` it is
``(1 - AUROC) e (1 - e) + e^2 / 2``, with AUROC that of strangeness for finding errors.

*Ties* are refused in random order, and every number here is the exact mean over those orders: a
tied loss counts as the mean of its group, so ``C`` is linear between groups. At a share that is
not a whole number of examples the curve is read off the same straight lines.

*Intervals* are percentiles of resamples of whole examples, loss and strangeness together, so that
curve and comparison vary as one; or of whole environments, where labels are given and the question
is about new environments from the same source. Few errors among the examples answered, or few
environments, make such limits too narrow, as do few examples refused; the note says when. (At 95%,
the gain from refusing 60 of 300 was held in 96% of 400 simulated studies, from refusing 3 in 82%.)

Sources: R. El-Yaniv & Y. Wiener, On the foundations of noise-free selective classification, Journal
of Machine Learning Research 11 (2010), 1605-1641; Y. Geifman, G. Uziel & R. El-Yaniv, Bias-reduced
uncertainty estimation for deep neural classifiers, ICLR 2019, arXiv:1805.08206; J. Traub et al.,
Overcoming common flaws in the evaluation of selective classification systems, NeurIPS 2024,
arXiv:2407.01032.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.bootstrap_limits import percentile
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.resampling import BLOCK, Replicates, replicate
from gengap.statistics.selective.ranked import Ranked, aurc_of, cumulative, generalised_of, ranked

SHARES = (0.01, 0.05, 0.1, 0.2)

ONE_EXAMPLE = "One example: its noise cannot be seen, so there are no limits."
ONE_ENVIRONMENT = "One environment: how others differ cannot be seen, so there are no limits."
FEW_ENVIRONMENTS = "Fewer than 10 environments: limits over new environments are too narrow."
FEW_ERRORS = "Fewer than 10 of the examples answered have a loss: limits are too narrow."
FEW_REFUSED = "Fewer than 10 examples are refused: limits of what that gains are too narrow."


@dataclass(frozen=True)
class Curve:
    """Risk at every coverage.

    Attributes:
        coverage: ``(n,)`` shares answered, ``1/n`` to 1.
        risk: ``(n,)`` mean loss of those answered.
    """

    coverage: np.ndarray
    risk: np.ndarray


@dataclass(frozen=True)
class Areas:
    """One number per curve; the formulas are in the module's text.

    Attributes:
        aurc: area under the risk-coverage curve; smaller is better.
        gain: mean loss minus AURC; 0 for a random order, negative for one worse than random.
        excess: AURC minus the oracle's; 0 at best.
        generalised: area under the generalised risk; smaller is better.
    """

    aurc: Interval
    gain: Interval
    excess: Interval
    generalised: Interval


@dataclass(frozen=True)
class Rejection:
    """What is left after refusing a share of the inputs.

    Attributes:
        share: the share refused, the strangest first.
        risk: mean loss of the rest.
        gain: risk under refusal at random, which is the mean loss of all, minus ``risk``.
    """

    share: float
    risk: Interval
    gain: Interval

    @property
    def accuracy(self) -> Interval:
        """``1 - risk``, for losses of 0 and 1."""
        r = self.risk
        return Interval(1 - r.estimate, 1 - r.high, 1 - r.low, r.level, r.note)


def risk_coverage_curve(loss: ArrayLike, strangeness: ArrayLike) -> Curve:
    """Selective risk at each coverage, ties in random order.

    Args:
        loss: ``(n,)`` loss per example, 0 and 1 for errors.
        strangeness: ``(n,)`` detector's score; the largest is refused first. May be infinite.

    Raises:
        UsageError: unequal lengths, no examples, or values that are not numbers.

    Example:
        >>> risk_coverage_curve([0, 1, 1, 0], [0.1, 0.9, 0.5, 0.5]).risk.tolist()
        [0.0, 0.25, 0.3333333333333333, 0.5]
    """
    table = ranked(loss, strangeness)
    mass, cost = cumulative(table, np.ones((1, len(table.loss))))
    answered = np.arange(1, len(table.loss) + 1)
    risk = np.interp(answered, mass[0], cost[0]) / answered
    return Curve(answered / len(answered), risk)


def risk_coverage_areas(
    loss: ArrayLike,
    strangeness: ArrayLike,
    environment: ArrayLike | None = None,
    *,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Areas:
    """The areas under the risk-coverage curve, with intervals.

    Args:
        loss: ``(n,)`` loss per example.
        strangeness: ``(n,)`` detector's score; the largest is refused first.
        environment: ``(n,)`` labels; with them, whole environments are resampled.
        level: the confidence level.
        replicates: resamples.
        seed: of the resamples.

    Raises:
        UsageError: as in :func:`risk_coverage_curve`, or labels of another length.
    """
    table = ranked(loss, strangeness, environment)

    def areas(weights: np.ndarray) -> np.ndarray:
        mean = weights @ table.loss / weights.sum(axis=1)
        mass, cost = cumulative(table, weights)
        aurc = aurc_of(mass, cost)
        excess = aurc - aurc_of(*cumulative(table, weights, oracle=True))
        return np.stack([aurc, mean - aurc, excess, generalised_of(mass, cost)])

    note = FEW_ERRORS * _few(table.loss)
    return Areas(*_intervals(table, areas, [note] * 4, level, replicates, seed))


def after_rejecting(
    loss: ArrayLike,
    strangeness: ArrayLike,
    shares: Sequence[float] = SHARES,
    environment: ArrayLike | None = None,
    *,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> list[Rejection]:
    """Risk after refusing each share of the inputs, against refusing as many at random.

    Args:
        loss: ``(n,)`` loss per example.
        strangeness: ``(n,)`` detector's score; the largest is refused first.
        shares: shares to refuse, at least 0 and below 1.
        environment: ``(n,)`` labels; with them, whole environments are resampled.
        level: the confidence level, of each interval on its own.
        replicates: resamples.
        seed: of the resamples.

    Raises:
        UsageError: as in :func:`risk_coverage_areas`, or a share out of range.

    Example:
        >>> wrong, strange = [0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4]
        >>> after_rejecting(wrong, strange, shares=[0.25])[0].gain.estimate
        0.25
    """
    table = ranked(loss, strangeness, environment)
    kept = 1 - np.array(shares, dtype=np.float64)
    if kept.ndim != 1 or len(kept) == 0 or not ((kept > 0) & (kept <= 1)).all():
        raise UsageError(f"shares is {shares}; give shares of at least 0 and below 1.")

    def risks(weights: np.ndarray) -> np.ndarray:
        mass, cost = cumulative(table, weights)
        answered = kept * mass[:, -1:]
        pairs = zip(answered, mass, cost, strict=True)
        risk = np.array([np.interp(*row) for row in pairs]) / answered
        mean = weights @ table.loss / weights.sum(axis=1)
        return np.concatenate([risk.T, mean - risk.T])

    n = len(table.loss)
    few = [FEW_ERRORS * _few(table.loss[: math.ceil(k * n)]) for k in kept]
    few += [FEW_REFUSED * bool(0 < 1 - k < 10 / n) for k in kept]
    found = _intervals(table, risks, few, level, replicates, seed)
    return [
        Rejection(float(share), found[s], found[s + len(kept)]) for s, share in enumerate(shares)
    ]


def _few(loss: np.ndarray) -> bool:
    return bool(np.count_nonzero(loss) < 10)


def _intervals(
    table: Ranked,
    statistic: Callable[[np.ndarray], np.ndarray],
    notes: list[str],
    level: float,
    replicates: int,
    seed: int,
) -> list[Interval]:
    """Intervals of a statistic from weights ``(B, n)`` to ``(k, B)``, one per note."""
    check_level(level)
    n = len(table.loss)
    units = n if table.unit is None else int(table.unit.max()) + 1
    estimates = statistic(np.ones((1, n)))[:, 0].tolist()
    if units == 1:
        reason = ONE_EXAMPLE if table.unit is None else ONE_ENVIRONMENT
        return [Interval(value, math.nan, math.nan, level, reason) for value in estimates]

    def of_draws(draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = draws[0].T + units * np.arange(draws.shape[2])[:, None]
        counts = np.bincount(rows.ravel(), minlength=units * len(rows)).reshape(-1, units)
        weights = counts if table.unit is None else counts[:, table.unit]
        return statistic(weights.astype(np.float64))

    drawn = replicate(
        of_draws,
        np.array([units]),
        replicates,
        seed,
        "risk-coverage",
        exact=units < 20,  # counting the resamples of more takes longer than drawing
        block=max(1, BLOCK // n),
    )
    few = FEW_ENVIRONMENTS * (table.unit is not None and units < 10)
    return [
        Interval(
            value,
            *percentile(Replicates(row, drawn.weights), level),
            level,
            " ".join(filter(None, [few, note])),
        )
        for value, row, note in zip(estimates, drawn.values, notes, strict=True)
    ]
