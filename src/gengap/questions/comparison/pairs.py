"""Every pair of methods: the difference, what it rests on, and five ways to look at it.

The verdict rests on one test, chosen before the scores are seen: where a pair shares at least three
environments the mean over them, with environments and the seeds common to all of them as two
sources of noise (:mod:`gengap.statistics.crossed_means`); else with seeds as units, which speaks
for these environments only. (Where neither shows any spread to judge by, sign flips of the
environments decide.) Holm's procedure keeps the chance of any false verdict over all pairs
at ``1 - level``, and each difference has the limits at which it was judged: they exclude 0 exactly
when the verdict names a winner. They are not simultaneous limits, and all of them together hold
less often than ``level``. Equivalence is judged by Holm's procedure among the equivalence tests.
Sign flips, signed ranks, the Bayesian signed-rank posterior and the probability of improvement
stand beside, unadjusted, for those who ask.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.questions.comparison.table import ScoreTable
from gengap.statistics.crossed_means import (
    CrossedMeans,
    crossed_mean,
    p_values,
    seed_parts,
    skewness,
    skewness_error,
)
from gengap.statistics.equivalence import equivalence_test
from gengap.statistics.fixed_environments import seed_difference
from gengap.statistics.improvement import (
    pairwise_improvement,
    probability_of_improvement,
    seed_improvement,
)
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm, step_levels
from gengap.statistics.paired import permutation_test, wilcoxon_test
from gengap.statistics.signed_rank_bayes import signed_rank_posterior

Row = dict[str, Any]
# Posterior probabilities of many pairs need no more digits than this many draws give: two.
DRAWS = 4_000
# With more pairs than this, those with the leading method (or the baseline) are looked at from
# every side and the others by their difference alone.
MOST_DETAILED = 50
REPLICATES = 1_000


@dataclass(frozen=True)
class Pair:
    """Two methods and the rows of their scores in the table."""

    first: int
    second: int


def pairs_of(table: ScoreTable, baseline: str | None) -> list[Pair]:
    """All pairs, or all other methods each against the baseline."""
    M = len(table.methods)
    if baseline is None:
        return [Pair(i, j) for i, j in combinations(range(M), 2)]
    base = table.index(baseline)
    return [Pair(i, base) for i in range(M) if i != base]


def pair_rows(
    table: ScoreTable,
    pairs: list[Pair],
    leader: int,
    *,
    level: float = 0.95,
    margin: float | None = None,
    seed: int = 0,
) -> list[Row]:
    """Compare each pair; one row per pair, in the table's unit (see the module).

    Args:
        table: the scores.
        pairs: which methods to compare.
        leader: the method whose pairs are looked at closely where there are many.
        level: 1 minus the chance of any false verdict.
        margin: differences up to this size do not matter; None where nobody said.
        seed: of random permutations, draws and resamples.
    """
    tests = [_test(table, pair) for pair in pairs]
    p = np.array([test.p_value for test in tests])
    p[[test.mean is not None for test in tests]] = p_values([t.mean for t in tests if t.mean])
    levels, adjusted = step_levels(p, 1 - level), holm(p)
    improvements = _improvements(table, pairs, level, seed)
    rows = []
    for k, pair in enumerate(pairs):
        interval = tests[k].limits(levels[k])
        row: Row = {
            "first": table.methods[pair.first],
            "second": table.methods[pair.second],
            "environments": tests[k].environments,
            "unit": tests[k].unit,
            **in_unit(table, "difference", interval),
            **in_unit(table, "here", _here(table, pair, level)),
            "p_value": float(p[k]),
            "adjusted_p": float(adjusted[k]),
            "verdict": _verdict(interval),
            "note": interval.note,
            **improvements[k],
        }
        if len(pairs) <= MOST_DETAILED or leader in (pair.first, pair.second):
            row |= _details(tests[k], _differences(table, pair), level, margin, seed)
        rows.append(row)
    tested = [row for row in rows if "equivalence_p" in row]
    for row, own in zip(tested, holm([row["equivalence_p"] for row in tested]), strict=True):
        row |= {"equivalence_adjusted_p": float(own), "equivalent": bool(own <= 1 - level)}
    return rows


class _Test(NamedTuple):
    """One test of a pair; ``limits`` draws its interval at the level at which Holm judged it.

    The p-values of all means are found at once, which takes a tenth of the time.
    """

    p_value: float
    unit: str
    environments: int
    limits: Callable[[float], Interval]
    mean: CrossedMeans | None = None


def _test(table: ScoreTable, pair: Pair) -> _Test:
    differences = _differences(table, pair)
    n = len(differences)
    if n == 0:
        return _Test(math.nan, "none", 0, partial(_undefined, note="No environment in common."))
    if n < 3:
        here = partial(_here, table, pair)
        return _Test(here(0.95).p_value, "seed", n, here)
    mean = _mean(table, pair, differences)
    if mean.variances.any():
        return _Test(math.nan, "environment", n, mean.interval, mean)
    flips = partial(permutation_test, differences)
    return _Test(flips().p_value, "environment", n, flips)


def _mean(table: ScoreTable, pair: Pair, differences: np.ndarray) -> CrossedMeans:
    if not table.crossed:
        return crossed_mean(differences)
    common = np.isfinite(table.means[pair.first] - table.means[pair.second])
    first, second = (table.oriented[m][common] for m in (pair.first, pair.second))
    return crossed_mean(differences, *seed_parts(first, second, paired=table.paired))


def _undefined(level: float, note: str = "") -> Interval:
    return Interval(math.nan, math.nan, math.nan, level, note)


def _here(table: ScoreTable, pair: Pair, level: float) -> Any:
    first, second = table.oriented[pair.first], table.oriented[pair.second]
    try:
        return seed_difference(
            first, second, paired=table.paired, crossed=table.crossed, level=level
        )
    except UsageError:
        return _undefined(level)


def _differences(table: ScoreTable, pair: Pair) -> np.ndarray:
    """Mean score of the first minus the second in each environment both have, ``(n,)``."""
    gaps = table.means[pair.first] - table.means[pair.second]
    return gaps[np.isfinite(gaps)]


def _verdict(interval: Interval) -> str:
    if not interval.excludes(0.0):
        return "no clear difference"
    return "first is better" if interval.low > 0 else "second is better"


def in_unit(table: ScoreTable, name: str, interval: Interval) -> Row:
    """An interval of oriented scores as columns ``name``, ``name_low`` and ``name_high``.

    In the unit of the table: where larger is worse, everything changes sign.
    """
    ends = interval.estimate, interval.low, interval.high
    if not table.higher_is_better:
        ends = -interval.estimate, -interval.high, -interval.low
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _improvements(table: ScoreTable, pairs: list[Pair], level: float, seed: int) -> list[Row]:
    """How often a run of the first beats one of the second in the same environment."""
    if table.crossed and len(table.seeds) > 1 and np.isfinite(table.scores).all():
        found = [
            seed_improvement(table.oriented[pair.first], table.oriented[pair.second], level)
            for pair in pairs
        ]
    elif (table.runs > 0).all():
        every = pairwise_improvement(table.oriented, replicates=REPLICATES, level=level, seed=seed)
        found = [every[pair.first][pair.second] for pair in pairs]
    else:
        found = [_improvement(table, pair, level, seed) for pair in pairs]
    return [
        {"improvement": one.estimate, "improvement_low": one.low, "improvement_high": one.high}
        for one in found
    ]


def _improvement(table: ScoreTable, pair: Pair, level: float, seed: int) -> Interval:
    common = np.isfinite(table.means[pair.first] - table.means[pair.second])
    if not common.any():
        return _undefined(level)
    first, second = (table.oriented[m][common] for m in (pair.first, pair.second))
    return probability_of_improvement(first, second, replicates=REPLICATES, level=level, seed=seed)


def _details(
    test: _Test, differences: np.ndarray, level: float, margin: float | None, seed: int
) -> Row:
    """Other tests of the same differences; empty with fewer than three environments."""
    if len(differences) < 3:
        return {}
    posterior = signed_rank_posterior(differences, margin or 0.0, draws=DRAWS, seed=seed)
    row: Row = {
        "sign_flip_p": permutation_test(differences, level, seed=seed).p_value,
        "signed_rank_p": wilcoxon_test(differences, level).p_value,
        "probability_first_better": posterior.right,
        "probability_equal": posterior.within,
        "probability_second_better": posterior.left,
        "lopsided": bool(abs(skewness(differences)) > 2 * skewness_error(len(differences))),
    }
    if margin and test.mean is not None:
        row["equivalence_p"] = float(test.mean.equivalence_p(margin))
    elif margin:
        flips = equivalence_test(differences, margin, alpha=1 - level, test="sign flips", seed=seed)
        row["equivalence_p"] = flips.p_value
    return row
