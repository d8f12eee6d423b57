"""A method against a baseline, paired by environment, seed and example.

With at least three environments these and the seeds are the units, which speaks for environments
like these and for other seeds (:mod:`gengap.statistics.crossed_means`: a seed's data and initial
weights are common to all environments). With fewer it is the example and the seed, as in
:func:`gengap.statistics.gap.mean_interval` but with the more cautious degrees of freedom of
:mod:`gengap.statistics.variance`; that speaks for these environments only. The same holds where all
environments' means agree to the last digit, as happens with few test examples: no spread is then no
evidence of certainty. Either way the training pool counts as given: what
:mod:`gengap.statistics.training` adds to the intervals of a cost is not part of a comparison.

*Several methods.* Holm's step-down procedure controls the chance of any false verdict at ``alpha``:
order the ``m`` p-values, reject ``p_(j)`` while ``p_(j) <= alpha / (m - j + 1)``, and stop at the
first that fails. Each interval is drawn at the level at which its method was judged,
``1 - alpha / (m - j + 1)`` for a rejected one and that of the stopping step for all others, which
have larger p-values. So an interval excludes 0 exactly when Holm's test rejects.

Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
Statistics 6 (1979), 65-70.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.cells import Cells, summarise
from gengap.statistics.crossed_means import crossed_mean, seed_part
from gengap.statistics.intervals import Interval, check_level, p_value, student
from gengap.statistics.multiple import holm, step_levels
from gengap.statistics.variance import TEST_POWERS, mean_variance, note

Unit = Literal["environment and seed", "example and seed"]
Verdict = Literal["better", "no clear difference", "worse"]


class Differences(NamedTuple):
    """A long table: a method's unseen score minus the baseline's on the same example.

    Attributes:
        difference: ``(n,)`` differences.
        environment: ``(n,)`` int environment codes.
        seed: ``(n,)`` int seeds.
        example: ``(n,)`` int row ids; within a seed each example appears at most once.
    """

    difference: ArrayLike
    environment: ArrayLike
    seed: ArrayLike
    example: ArrayLike


@dataclass(frozen=True)
class Comparison:
    """How a method compares with the baseline.

    Attributes:
        difference: the mean over environments, with limits widened for the number of methods.
        p_value: two-sided, of this method alone; NaN where it cannot be had.
        adjusted_p: Holm's; below ``alpha`` exactly when ``difference`` excludes 0.
        unit: what varies in the interval.
        verdict: read off the interval alone.
    """

    difference: Interval
    p_value: float
    adjusted_p: float
    unit: Unit
    verdict: Verdict


def compare(
    differences_by_method: Mapping[str, Differences],
    level: float = 0.95,
    *,
    higher_is_better: bool = True,
) -> dict[str, Comparison]:
    """Compare methods with a baseline, corrected for their number.

    Args:
        differences_by_method: per method its long table; a plain tuple of four columns will do.
        level: 1 minus the chance of any false verdict.
        higher_is_better: whether the differences are of scores; False for losses.

    Raises:
        UsageError: unusable columns, see :func:`gengap.statistics.cells.summarise`.
    """
    check_level(level)
    tests = {name: _test(summarise(*table)) for name, table in differences_by_method.items()}
    p = np.array([test.p for test in tests.values()])
    levels = step_levels(p, 1 - level)
    comparisons = {}
    for (name, test), adjusted, own in zip(tests.items(), holm(p), levels, strict=True):
        interval = test.limits(own)
        comparisons[name] = Comparison(
            difference=interval,
            p_value=test.p,
            adjusted_p=float(adjusted),
            unit=test.unit,
            verdict=_verdict(interval, higher_is_better),
        )
    return comparisons


class _Test(NamedTuple):
    p: float
    unit: Unit
    limits: Callable[[float], Interval]


def _test(cells: Cells) -> _Test:
    estimate = float(cells.means.mean())
    if len(cells.means) >= 3:
        by_seed = np.where(cells.counts > 0, cells.deviations, np.nan)
        mean = crossed_mean(cells.means, seed_part(by_seed))
        if mean.deviation > 0:
            return _Test(float(mean.p_value()), "environment and seed", mean.interval)
    variance, degrees = mean_variance(cells, TEST_POWERS)
    p, remark = p_value(estimate, variance, degrees), note(cells, variance)
    limits = partial(student, estimate, variance, degrees, note=remark)
    return _Test(p, "example and seed", limits)


def _verdict(interval: Interval, higher_is_better: bool) -> Verdict:
    if not interval.excludes(0.0):
        return "no clear difference"
    return "better" if (interval.low > 0) == higher_is_better else "worse"
