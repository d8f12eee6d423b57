"""Intervals of the cost of unseen environments: of others like these, a new one, and these.

Three questions, three answers. *Environments like these*: what the source costs on average, with
environments as the unit (:mod:`gengap.statistics.source`). *A single new one* from the same source
differs from that as these differ from each other: a prediction interval, the widest. *These*
environments are fixed: their intervals hold what fresh test examples and fresh training sets of the
same size, drawn from these same environments, would change (:mod:`gengap.statistics.training`).

The truth in question is the expected cost at the training size of the study, for the environments
at hand. Another size, other environments, or choices made before the study are not covered.

*No differences at all.* Where runs that scored every example alike leave no spread to estimate
from, and one example can change the mean by at most ``largest`` over the number of examples, there
is the rule of three: were the share of examples that differ ``p``, none among ``n`` would have
chance ``(1 - p)^n``, which is below 5% from ``p = 1 - 0.05^(1/n)``, about ``3 / n``
(J. A. Hanley & A. Lippman-Hand, If nothing goes wrong, is everything all right?, Journal of the
American Medical Association 249 (1983), 1743-1745).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.cells import Cells, borrow, steady, summarise
from gengap.statistics.comparison import Differences
from gengap.statistics.intervals import Interval, check_level, student
from gengap.statistics.source import FEWEST, source_limits
from gengap.statistics.training import (
    Effects,
    Table,
    environment_half_widths,
    mean_half_width,
    run_effects,
)
from gengap.statistics.variance import (
    add_training,
    mean_variance,
    note,
    pooled_between_seeds,
    training_share,
)

FEW_ENVIRONMENTS = "Fewer than 3 environments: what others like them cost cannot be told."
ALIKE = "No test example was scored differently; the limits are those of the rule of three."


def environment_intervals(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
    *,
    overlap: float = 0.0,
    validation: Differences | None = None,
    largest: float = math.inf,
) -> dict[int, Interval]:
    """The mean difference in each of these environments, as fixed environments.

    Args:
        difference: ``(n,)`` one method's reference score minus unseen score on the same example,
            one entry per test example and seed.
        environment: ``(n,)`` int environment codes.
        seed: ``(n,)`` int seeds.
        example: ``(n,)`` int row ids; within a seed each example appears at most once.
        level: the confidence level.
        overlap: share of training examples that two seeds have in common, on average over pairs;
            0 for seeds whose training sets are independent.
        validation: the differences of the same runs on their validation parts, with the same codes.
            They show training noise where seeds test on what other seeds train on. Without them it
            is taken from the spread of test scores over seeds, which hides it in that case.
        largest: the most by which one example's scores can differ, 1 for accuracy; infinite where
            there is no such bound. Used where no example differs.

    Returns:
        An interval per environment code, ascending. Variances of environments with few
        disagreements are raised towards the others' (:func:`gengap.statistics.cells.steady`).

    Raises:
        UsageError: unusable columns, see :func:`gengap.statistics.cells.summarise`, or overlap.
    """
    cells, runs, alike = _read((difference, environment, seed, example), validation, largest, level)
    if alike:
        halves = _rule_of_three(cells, largest, level)
    elif runs is not None:
        halves = environment_half_widths(steady(borrow(cells)), runs, overlap, level)
    else:
        return _from_test_scores(cells, level, overlap)
    return {
        int(code): _around(cells, float(cells.means[k]), float(halves[k]), level)
        for k, code in enumerate(cells.environments)
    }


def mean_interval(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
    *,
    overlap: float = 0.0,
    validation: Differences | None = None,
    largest: float = math.inf,
) -> Interval:
    """The mean over these fixed environments, each weighing equally however many examples it has.

    Arguments and errors as in :func:`environment_intervals`. With one seed the interval holds
    example noise only, which its note says.
    """
    read = _read((difference, environment, seed, example), validation, largest, level)
    return _mean(read, level, overlap, largest)


def source_intervals(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    level: float = 0.95,
    *,
    overlap: float = 0.0,
    validation: Differences | None = None,
    largest: float = math.inf,
) -> tuple[Interval, Interval]:
    """What environments like these cost: their mean, and a single new one.

    Arguments and errors as in :func:`environment_intervals`. Both have the mean of these
    environments as their estimate and are never narrower than :func:`mean_interval`. Limits are
    NaN, with the reason in the note, for fewer than 3 environments. See
    :mod:`gengap.statistics.source`.
    """
    read = _read((difference, environment, seed, example), validation, largest, level)
    fixed, cells = _mean(read, level, overlap, largest), read.cells
    if len(cells.means) < FEWEST:
        unknown = Interval(fixed.estimate, math.nan, math.nan, level, FEW_ENVIRONMENTS)
        return unknown, unknown
    if not fixed.defined:
        return fixed, fixed
    if read.alike:
        # The rule of three again, where the fewest examples leave the most room.
        half = float(_rule_of_three(cells, largest, level).max())
        alike = _around(cells, fixed.estimate, half, level)
        return alike, alike
    remark = note(cells, fixed.half_width + float(np.ptp(cells.means)))
    mean, new = (
        Interval(fixed.estimate, min(low, fixed.low), max(high, fixed.high), level, remark)
        for low, high in source_limits(cells, level)
    )
    return mean, new


class _Read(NamedTuple):
    """A long table read once: its sums, the runs' effects where they show, whether all agrees."""

    cells: Cells
    runs: Effects | None
    alike: bool


def _read(table: Table, validation: Differences | None, largest: float, level: float) -> _Read:
    check_level(level)
    cells = summarise(*table)
    alike = math.isfinite(largest) and not np.any(table[0])
    return _Read(cells, None if alike else _runs(table, validation, cells), alike)


def _mean(read: _Read, level: float, overlap: float, largest: float) -> Interval:
    cells, runs, alike = read
    estimate = float(cells.means.mean())
    if alike:
        # The largest mean compatible with no difference has all of it where examples are fewest.
        half = float(_rule_of_three(cells, largest, level).max()) / len(cells.means)
    elif runs is not None:
        half = mean_half_width(borrow(cells), runs, overlap, level)
    else:
        variance, degrees = mean_variance(cells, overlap=overlap)
        return student(estimate, variance, degrees, level, note(cells, variance))
    return _around(cells, estimate, half, level)


def _from_test_scores(cells: Cells, level: float, overlap: float) -> dict[int, Interval]:
    """Intervals whose training noise is the spread of the test scores over seeds."""
    steadied = steady(borrow(cells))
    between = pooled_between_seeds(borrow(cells))
    squares = np.sum(cells.shares**2, axis=1)
    intervals = {}
    for k, code in enumerate(cells.environments.tolist()):
        example, degrees = float(steadied.example[k]), float(steadied.example_degrees[k])
        share = training_share(float(squares[k]), overlap)
        variance, degrees = add_training(example, degrees, share, between)
        intervals[int(code)] = student(
            cells.means[k], variance, degrees, level, note(cells, variance)
        )
    return intervals


def _runs(table: Table, validation: Differences | None, cells: Cells) -> Effects | None:
    """The runs' effects, or None where they or the examples' noise cannot be had."""
    if validation is None or not cells.example_degrees.any() or not cells.repeated.any():
        return None
    runs = run_effects(table, validation, cells.environments)
    return runs if runs.known.any() else None


def _rule_of_three(cells: Cells, largest: float, level: float) -> np.ndarray:
    """Half-widths ``(K,)`` where no example differs."""
    return largest * (1 - (1 - level) ** (1 / cells.distinct))


def _around(cells: Cells, estimate: float, half: float, level: float) -> Interval:
    alike = half > 0 and not cells.means.any() and not cells.example.any()
    remark = " ".join(filter(None, [ALIKE * alike, note(cells, half)]))
    return Interval(estimate, estimate - half, estimate + half, level, remark)
