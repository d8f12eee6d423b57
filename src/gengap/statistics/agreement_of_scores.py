r"""Do two scores of the same models agree: inside the training environments, and outside them?

Models are trained without an environment, under a seed; in each such *cell* every model has a score
inside, ``x``, and one outside, ``y``. Cells differ in difficulty, so both are centred within the
cell, and the slope is that of all cells together,

.. math:: b = \frac{\sum_e S_{xy,e}}{\sum_e S_{xx,e}},

with sums over an environment's cells. Environments are the sample: whether a model that is better
inside is better outside may differ from one to another, and more models or seeds do not average
that out. So the variance is that of the environments' shares
``(S_xy,e - b S_xx,e) / S_xx`` with ``E - 1`` degrees of freedom, and the rank correlation
(Spearman's, a number a cell, averaged over an environment's cells) has Student's limits over
environments. D. Teney, Y. Lin, S. J. Oh & E. Abbasnejad, ID and OOD performance are sometimes
inversely correlated on real-world datasets, NeurIPS 2023, arXiv 2209.00613, show why the sign must
be looked at and not assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from gengap.statistics.intervals import Interval, student, student_mean

FEWEST_MODELS = 3
FEW_ENVIRONMENTS = "Fewer than 3 environments: whether others like them agree cannot be told."


@dataclass(frozen=True)
class Agreement:
    """How the score outside goes with the score inside.

    Attributes:
        slope: of the score outside per unit of the score inside, within cells.
        rank: Spearman's correlation within cells, averaged over environments.
        by_environment: ``(E,)`` Spearman's correlation of each environment, NaN where its models
            do not differ.
        models: models in the largest cell.
    """

    slope: Interval
    rank: Interval
    by_environment: np.ndarray
    models: int


def agreement(
    inside: np.ndarray,
    outside: np.ndarray,
    cell: np.ndarray,
    environment: np.ndarray,
    level: float = 0.95,
) -> Agreement:
    """Compare two scores.

    Args:
        inside: ``(p,)`` scores of models inside, finite.
        outside: ``(p,)`` scores of the same outside, finite.
        cell: ``(p,)`` codes from 0 of what models are compared in.
        environment: ``(p,)`` codes from 0, one for all models of a cell.
        level: the confidence level.
    """
    environments = int(environment.max()) + 1
    squares, products = np.zeros(environments), np.zeros(environments)
    ranks: list[list[float]] = [[] for _ in range(environments)]
    most = 0
    order = np.argsort(cell, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        x, y = inside[own], outside[own]
        most = max(most, len(own))
        if len(own) < FEWEST_MODELS or np.ptp(x) == 0:
            continue
        e = environment[own[0]]
        x, y = x - x.mean(), y - y.mean()
        squares[e] += x @ x
        products[e] += x @ y
        if np.ptp(y) > 0:
            ranks[e].append(float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]))
    by_environment = np.array([np.mean(r) if r else math.nan for r in ranks])
    known = by_environment[~np.isnan(by_environment)]
    rank = student_mean(known, level).within(-1, 1)
    if len(known) < 3:
        rank = replace(rank, low=math.nan, high=math.nan, note=FEW_ENVIRONMENTS)
    return Agreement(_slope(products, squares, level), rank, by_environment, most)


def _slope(products: np.ndarray, squares: np.ndarray, level: float) -> Interval:
    used = squares > 0
    number, total = int(used.sum()), float(squares.sum())
    if not number:
        return Interval(math.nan, math.nan, math.nan, level)
    slope = float(products.sum()) / total
    if number < 3:
        return Interval(slope, math.nan, math.nan, level, FEW_ENVIRONMENTS)
    shares = (products[used] - slope * squares[used]) / total
    variance = float(np.sum(shares**2)) * number / (number - 1)
    return student(slope, variance, number - 1, level)


def mean_over_environments(
    values: np.ndarray, environment: np.ndarray, level: float = 0.95
) -> Interval:
    """The mean of values ``(p,)`` over environments ``(p,)``, each weighing equally."""
    sizes = np.bincount(environment)
    means = np.bincount(environment, values)[sizes > 0] / sizes[sizes > 0]
    found = student_mean(means, level)
    if len(means) < 3:
        return replace(found, low=math.nan, high=math.nan, note=FEW_ENVIRONMENTS)
    return found
