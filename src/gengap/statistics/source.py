r"""What environments like these cost: their mean, and a single new one, with environments as unit.

``K`` measured costs ``c_e`` of a leave-one-out study are neither normal nor independent.

*Skew.* A cost grows with the square of an environment's distance from the others, so one in ten
lies far to the right and the sample mean is below the truth more often than not: Student's interval
covers 79 to 92% of simulated studies with concept shift and 8 environments. The cube root of a
scaled chi-square is nearly normal (E. B. Wilson & M. M. Hilferty, The distribution of chi-square,
Proceedings of the National Academy of Sciences 17 (1931), 684-688). Where a cost is small,
though, it is mostly noise of the test examples, which is symmetric and of standard deviation
``sqrt(m)``. So

    y = g(c) = sign(c) ((|c| + a)^(1/3) - a^(1/3)),        a = 2 sqrt(m),

which is about linear where noise rules and a cube root beyond, is taken for normal with mean
``mu`` and variance ``s^2``, and the mean cost is ``E g^-1(mu + s W)`` with ``W`` standard normal.
Its fiducial distribution comes from that of ``mu`` and ``s``, as for the mean of a log-normal (K.
Krishnamoorthy & T. Mathew, Journal of Statistical Planning and Inference 115 (2003), 103-121):

    s^2 = S^2 (K - 1) / X,   mu = mean(y) - Z sqrt(d s^2 / K),   X ~ chi2(K - 1), Z ~ N(0, 1),

with ``d`` as follows. Below five environments their shape does not show, and Student's limits at
``d s^2 / K`` stand alone.

*Dependence.* Each environment is tested by models trained on all others, so the costs share what
these others are like. Where the cost is the squared distance from the mean of the others, as for a
model that knows nothing but that mean, the costs are squared residuals. Of normal variables their
sum has variance ``2 (K - 1)`` and their sample variance the expectation ``2 (K - 2) / K``, so the
variance of the mean cost is ``d = (K - 1) / (K - 2)`` times what independence would give. Simulated
models with slopes come close.

Limits are those, or Student's at the same ``d s^2 / K`` where they reach further: the cube root
plays down what a far environment says.

*Seeds.* They are crossed with environments: a seed that moves all environments alike (one reference
run, the same initial weights) leaves no trace in the spread of environments. Under independent
noise the mean over environments would vary between seeds by the interaction's mean square over
``K``. What exceeds that is the seeds' own, and joins the mean by its share ``1 / S``. A handful of
seeds measures it badly, so it is drawn towards what independence says, which counts for
``SEED_DEGREES`` of :mod:`gengap.statistics.variance`; without that two seeds could make the
interval several times as wide.

*A new one* has true cost ``g^-1(mu + t W)``, with ``t^2`` the ``s^2`` less the measurement's
variance on the scale of ``y``; nine tenths of it, as in :mod:`gengap.statistics.prediction`.

*How well that holds*: docs/calibration.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.stats import qmc

from gengap.statistics.cells import Cells, borrow
from gengap.statistics.intervals import Interval, p_value, quantile, student
from gengap.statistics.variance import common_variance, measurement_variance

FEWEST, SHAPED = 3, 5
_START, _DEDUCTED, _DRAWS = 2.0, 0.9, 4096
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Limits(NamedTuple):
    """Lower and upper limits: of the mean over the source, and of a single new environment."""

    mean: tuple[float, float]
    new: tuple[float, float]


def source_limits(cells: Cells, level: float) -> Limits:
    """Limits from the costs of at least :data:`FEWEST` environments; see the module.

    Args:
        cells: of the test parts.
        level: the confidence level, for both.
    """
    cells = borrow(cells)
    costs, K = cells.means, len(cells.means)
    spread = math.sqrt(costs.var(ddof=1))
    half = spread * _factor(K, level)
    seeds = math.sqrt(common_variance(cells))
    centre = float(costs.mean())
    reach = math.hypot(half, quantile(level, math.inf) * seeds)
    student = centre - reach, centre + reach
    measurement = measurement_variance(cells)
    if K < SHAPED or spread == 0 or measurement == 0:
        further = math.hypot(quantile(level, K - 1) * spread, reach)
        return Limits(student, (centre - further, centre + further))
    mean, new = _drawn(costs, _START * math.sqrt(measurement), measurement, seeds)
    ends = [(1 - level) / 2, (1 + level) / 2]
    mean_ends, new_ends = np.quantile(mean, ends), np.quantile(new, ends)
    low, high = min(student[0], mean_ends[0]), max(student[1], mean_ends[1])
    return Limits(
        (float(low), float(high)),
        (float(min(low, new_ends[0])), float(max(high, new_ends[1]))),
    )


def mean_of_costs(
    costs: np.ndarray, level: float = 0.95, *, measurement: float = 0.0
) -> tuple[Interval, float]:
    """Student's interval and p-value of the mean of ``K >= 3`` costs ``(K,)``, or parts of them.

    The variance is ``(K - 1) / (K - 2)`` times that of independent ones, for models that share
    training environments err alike (see the module); what is common to seeds is not looked at.

    Args:
        costs: one per environment.
        level: the confidence level.
        measurement: the variance of a single cost; above 0, limits reach as far as the skewness of
            costs may ask for.
    """
    K, estimate = len(costs), float(costs.mean())
    variance = float(costs.var(ddof=1)) * (K - 1) / (K - 2) / K
    p, found = p_value(estimate, variance, K - 1), student(estimate, variance, K - 1, level)
    if not (measurement > 0 and K >= SHAPED and variance > 0):
        return found, p
    mean, _ = _drawn(costs, _START * math.sqrt(measurement), measurement, 0.0)
    low, high = np.quantile(mean, [(1 - level) / 2, (1 + level) / 2])
    low, high = min(found.low, float(low)), max(found.high, float(high))
    return Interval(estimate, low, high, level), p


def cost_share(trained_on: Sequence[int], environments: int) -> float:
    """What is left of the cost once all environments are trained on.

    A model that learns nothing but the mean of its ``n`` environments is off by ``t^2 (1 + 1/n)``
    in a new one, with ``t^2`` the spread of the environments; the reference, to which the new one
    gives the share ``1/N`` of what is trained on, by ``t^2 (1 - 1/N)``. So the cost is
    ``t^2 (1/n + 1/N)``: with ``N = n + 1`` nearly ``2 t^2 / n``. That the cost of other models
    falls alike is an assumption.

    Args:
        trained_on: the number of environments that each split trains on.
        environments: how many there are, ``N``.
    """
    now = float(np.mean([1 / n + 1 / environments for n in trained_on]))
    return (1 / environments + 1 / (environments + 1)) / now


def environments_needed(cost: float, half: float, environments: int, most: int) -> int | None:
    """How many environments would have a Student's interval narrower than the cost.

    As they scatter here, and at this cost, though more of them to train on make it smaller. None
    where there is no half-width, or ``most`` are not enough.
    """
    if not half > cost > 0:
        return None
    unit = half / _factor(environments, 0.95)
    wanted = (n for n in range(environments + 1, most + 1) if unit * _factor(n, 0.95) < cost)
    return next(wanted, None)


def _factor(K: int, level: float) -> float:
    """Student's half-width for a spread of 1."""
    return quantile(level, K - 1) * math.sqrt((K - 1) / (K - 2) / K)


def _drawn(
    costs: np.ndarray, start: float, measurement: float, seeds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fiducial draws ``(_DRAWS,)`` of the mean cost and of the cost of a new environment."""
    K = len(costs)
    uniform, z, w, common = _points()
    y = np.sign(costs) * (np.cbrt(np.abs(costs) + start) - np.cbrt(start))
    scale = y.std(ddof=1) * np.sqrt((K - 1) / special.chdtri(K - 1, uniform))
    mu = y.mean() - z * scale * math.sqrt((K - 1) / (K - 2) / K)
    mean = _back(mu[:, None] + scale[:, None] * _NODES, start) @ _WEIGHTS + seeds * common
    # A small error of a cost moves its y by the slope of g.
    slopes = (np.abs(costs) + start) ** (-2 / 3) / 3
    noise = _DEDUCTED * measurement * float(np.mean(slopes**2))
    new = _back(mu + np.sqrt(np.maximum(scale**2 - noise, 0.0)) * w, start) + seeds * common
    return mean, new


def _back(y: np.ndarray, start: float) -> np.ndarray:
    return np.sign(y) * ((np.abs(y) + np.cbrt(start)) ** 3 - start)


@cache
def _points() -> tuple[np.ndarray, ...]:
    """Evenly spread points: a uniform variable and three normal ones, ``(_DRAWS,)`` each."""
    points = qmc.Halton(4, scramble=False).random(_DRAWS + 1)[1:]
    return points[:, 0], *(special.ndtri(points[:, k]) for k in (1, 2, 3))
