"""Intervals of the cost of unseen environments: each of these, their mean, a new one.

Two questions, two answers. *These* environments are fixed: their intervals hold example noise and
training noise (:mod:`gengap.statistics.variance`). *A new environment from the same source* differs
from them as they differ from each other: its interval is a prediction interval with environments
as the unit (:mod:`gengap.statistics.prediction`), and is the wider.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.cells import borrow, steady, summarise
from gengap.statistics.intervals import Interval, check_level, student
from gengap.statistics.prediction import prediction_interval
from gengap.statistics.variance import (
    add_training,
    mean_variance,
    measurement_variance,
    note,
    pooled_between_seeds,
)

FEW_ENVIRONMENTS = "Fewer than 3 environments: what a new one costs cannot be predicted."


def environment_intervals(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
) -> dict[int, Interval]:
    """The mean difference in each of these environments, as fixed environments.

    Args:
        difference: ``(n,)`` one method's reference score minus unseen score on the same example,
            one entry per test example and seed.
        environment: ``(n,)`` int environment codes.
        seed: ``(n,)`` int seeds.
        example: ``(n,)`` int row ids; within a seed each example appears at most once.
        level: the confidence level.

    Returns:
        An interval per environment code, ascending. Variances of environments with few
        disagreements are raised towards the others' (:func:`gengap.statistics.cells.steady`).

    Raises:
        UsageError: unusable columns, see :func:`gengap.statistics.cells.summarise`.
    """
    check_level(level)
    cells = summarise(difference, environment, seed, example)
    steadied = steady(borrow(cells))
    between = pooled_between_seeds(borrow(cells))
    share = np.sum(cells.shares**2, axis=1)
    intervals = {}
    for k, code in enumerate(cells.environments.tolist()):
        example, degrees = float(steadied.example[k]), float(steadied.example_degrees[k])
        variance, degrees = add_training(example, degrees, float(share[k]), between)
        intervals[int(code)] = student(
            cells.means[k], variance, degrees, level, note(cells, variance)
        )
    return intervals


def mean_interval(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
) -> Interval:
    """The mean over these fixed environments, each weighing equally however many examples it has.

    Arguments and errors as in :func:`environment_intervals`. With one seed the interval holds
    example noise only, which its note says.
    """
    check_level(level)
    cells = summarise(difference, environment, seed, example)
    variance, degrees = mean_variance(cells)
    return student(float(cells.means.mean()), variance, degrees, level, note(cells, variance))


def new_environment_interval(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
) -> Interval:
    """Prediction interval of the true mean difference in a new environment from the same source.

    Arguments and errors as in :func:`environment_intervals`. Limits are NaN, with the reason in
    the note, for fewer than 3 environments. See :mod:`gengap.statistics.prediction`.
    """
    check_level(level)
    cells = summarise(difference, environment, seed, example)
    variance, degrees = mean_variance(cells)
    estimate = float(cells.means.mean())
    if len(cells.means) < 3:
        return Interval(estimate, math.nan, math.nan, level, FEW_ENVIRONMENTS)
    remark = note(cells, variance + float(np.ptp(cells.means)))
    if math.isnan(variance):
        return Interval(estimate, math.nan, math.nan, level, remark)
    return prediction_interval(
        cells.means, measurement_variance(cells), variance, degrees, level, remark
    )
