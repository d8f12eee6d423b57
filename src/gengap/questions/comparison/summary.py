"""Everything a comparison says, as one dictionary of JSON values that every report reads."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.files import json_values
from gengap.base.finding import Finding, reports
from gengap.base.printable import masked
from gengap.questions.comparison.pairs import Row, in_unit, pair_rows, pairs_of
from gengap.questions.comparison.table import ScoreTable
from gengap.statistics.aggregate_intervals import aggregate_intervals, seed_aggregates
from gengap.statistics.best import Best, best_mean
from gengap.statistics.bootstrap import Kind
from gengap.statistics.crossed_means import crossed_mean, seed_part
from gengap.statistics.friedman import critical_difference, friedman_test
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.profiles import performance_profile
from gengap.statistics.stability import Stability, stability
from gengap.statistics.votes import seed_means
from gengap.training.tasks import versions

THRESHOLDS = 101
# Kemeny's order and a thousand resamples of every rule are for tables a person can read.
MOST_RANKED = 200
MOST_REPLICATES = 200_000
ADJUSTED = (
    "Means of methods with missing cells are adjusted for the environments they lack, taking the "
    "effects of method and environment to add up; so they have limits for environments like these "
    "only."
)
# Fewer environments than these are no sample of "environments like these".
FEWEST = 3


@dataclass(frozen=True, repr=False, eq=False)
class Compared(Finding):
    """All methods of a table compared; rows of numbers in the table's unit, None where none is.

    Attributes:
        comparison: what was compared and how.
        methods: one row per method, best mean first.
        pairs: one row per pair of methods.
        environments: the scores of every method in each.
        ranks: average ranks and who is not told apart; None where methods cannot be ranked.
        rankings: the order by each rule.
        stability: how much the order depends on the rule and on chance, or None.
        profiles: share of runs better than each threshold, per method.
    """

    kind: ClassVar[str] = "comparison"
    comparison: Row
    methods: list[Row]
    pairs: list[Row]
    environments: list[Row]
    ranks: Row | None
    rankings: list[Row]
    stability: Row | None
    profiles: Row
    _order: Stability | None

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values, with ``answer`` and ``findings`` in words."""
        numbers = json_values(self)
        return {**numbers, **reports().of(self).words(numbers, self._order)}


def summarise(table: ScoreTable, **options: Any) -> dict[str, Any]:
    """What ``compare.json`` holds; the options are those of :func:`compare_scores`."""
    return compare_scores(table, **options).summary


def compare_scores(
    table: ScoreTable,
    *,
    level: float = 0.95,
    baseline: str | None = None,
    margin: float | None = None,
    target: float | None = None,
    replicates: int = 2000,
    seed: int = 0,
    command: str = "",
) -> Compared:
    """Compare all methods of a table.

    Args:
        table: the scores.
        level: of intervals, and 1 minus the chance of any false verdict.
        baseline: compare every other method with this one; None compares all pairs.
        margin: differences up to this size do not matter; None shows no two methods to be equal.
        target: the score beyond which more does not count, for the optimality gap; 1 for scores
            between 0 and 1 whose largest is at least 0.1, else none is assumed.
        replicates: bootstrap resamples.
        seed: of everything random; the same seed gives the same digits.
        command: what the user typed, for the report.

    Raises:
        UsageError: fewer than two methods, an unknown baseline, a level outside 0 to 1, a margin
            or number of replicates that is not positive.
    """
    started = time.perf_counter()
    check_level(level)
    if len(table.methods) < 2:
        raise UsageError(
            f"{table.name} has one method ({table.methods[0]}); a comparison needs at least two."
        )
    if margin is not None and not margin > 0:
        raise UsageError(f"The margin is {margin}; give the largest difference that is none, > 0.")
    if replicates < 100:
        raise UsageError(f"{replicates} bootstrap replicates are too few; give at least 100.")
    if replicates > MOST_REPLICATES:
        raise UsageError(
            f"{replicates:,} bootstrap replicates would take hours and more memory than there is; "
            f"give at most {MOST_REPLICATES:,}."
        )
    if target is None and table.fraction and float(np.nanmax(table.scores)) >= 0.1:
        target = 1.0 if table.higher_is_better else 0.0
    steadiness = _stability(table, seed)
    pairs = pair_rows(
        table,
        pairs_of(table, baseline),
        _leader(table, steadiness),
        level=level,
        margin=margin,
        seed=seed,
    )
    ranks = _ranks(table, level)
    methods = _method_rows(table, steadiness, ranks, level, target, replicates, seed)
    about = {
        "name": table.name,
        "metric": table.metric,
        "higher_is_better": table.higher_is_better,
        "fraction": table.fraction,
        "methods": list(table.methods),
        "environments": list(table.environments),
        "seeds": len(table.seeds),
        "runs": int(table.runs.sum()),
        "runs_per_cell": [int(table.runs.min()), int(table.runs.max())],
        "missing_cells": int((table.runs == 0).sum()),
        "paired_seeds": table.paired,
        "crossed_seeds": table.crossed,
        "baseline": baseline,
        "level": level,
        "margin": margin,
        "target": target,
        "replicates": replicates,
        "seed": seed,
        "notes": list(table.notes),
        "command": masked(command),
        "versions": versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    profiles = _profiles(table, level, replicates, seed)
    rankings, order = _ranking_rows(table, steadiness), _stability_row(table, steadiness)
    about["seconds"] = round(time.perf_counter() - started, 2)
    environments = _environment_rows(table)
    return Compared(
        about, methods, pairs, environments, ranks, rankings, order, profiles, steadiness
    )  # fmt: skip


def _method_rows(
    table: ScoreTable,
    steadiness: Stability | None,
    ranks: Row | None,
    level: float,
    target: float | None,
    replicates: int,
    seed: int,
) -> list[Row]:
    """One row per method, best mean first."""
    oriented_target = None if target is None else target if table.higher_is_better else -target
    average = dict(zip(ranks["methods"], ranks["average_ranks"], strict=True)) if ranks else {}
    best = _best(table, steadiness, level, seed)
    rows = []
    for m, method in enumerate(table.methods):
        found = _aggregates(table, m, oriented_target or 0.0, level, replicates, seed)
        row: Row = {
            "method": method,
            "runs": int(table.runs[m].sum()),
            "environments": int((table.runs[m] > 0).sum()),
            **in_unit(table, "mean", found["mean"]),
            **in_unit(table, "like_these", _like_these(table, m, level)),
            **in_unit(table, "median", found["median"]),
            **in_unit(table, "interquartile_mean", found["interquartile mean"]),
            "average_rank": average.get(method),
            "note": found["mean"].note,
        }
        if oriented_target is not None:
            gap = found["optimality gap"]
            row |= {
                "optimality_gap": gap.estimate,
                "optimality_gap_low": gap.low,
                "optimality_gap_high": gap.high,
            }
        if steadiness is not None:
            if (table.runs[m] == 0).any():
                row |= _adjusted(table, m, row, float(steadiness.rankings["mean"].scores[m]))
            row["rank"] = float(steadiness.rankings["mean"].ranks[m])
        if best is not None:
            row |= {
                "best_confidence": float(best.confidence[m]),
                "rank_low": float(best.rank_low[m]),
                "rank_high": float(best.rank_high[m]),
            }
        rows.append(row)
    sign = -1 if table.higher_is_better else 1
    return sorted(rows, key=lambda row: (row.get("rank", 0), sign * row["mean"]))


def _leader(table: ScoreTable, steadiness: Stability | None) -> int:
    if steadiness is not None:
        return steadiness.rankings["mean"].order[0]
    return int(np.nanargmax(np.nanmean(table.means, axis=1)))


def _best(table: ScoreTable, steadiness: Stability | None, level: float, seed: int) -> Best | None:
    if steadiness is None:
        return None
    means = steadiness.rankings["mean"].scores
    return best_mean(
        table.oriented, means, crossed=table.crossed, paired=table.paired, level=level, seed=seed
    )


def _like_these(table: ScoreTable, m: int, level: float) -> Interval:
    """A method's mean over environments like these; no limits with fewer than three."""
    scores = table.measured(m)
    if len(scores) >= FEWEST:
        mean = crossed_mean(seed_means(scores), *([seed_part(scores)] if table.crossed else []))
        if mean.deviation > 0:
            return mean.interval(level)
    average = float(np.mean(seed_means(scores))) if len(scores) else math.nan
    return Interval(average, math.nan, math.nan, level)


def _adjusted(table: ScoreTable, m: int, row: Row, effect: float) -> Row:
    """The mean that an additive fit of method and environment gives, with limits moved to it.

    Where environments differ by more than methods do in them, the adjusted mean is the surer of the
    two; where they do not, the others' noise in the missing environments adds at most what the
    widening allows for.
    """
    mean = effect if table.higher_is_better else -effect
    there = float((table.runs[m] > 0).mean())
    wider = math.sqrt(1 + (1 - there) / (len(table.methods) - 1))
    low, high = (
        mean + wider * (row[f"like_these_{end}"] - row["like_these"]) for end in ("low", "high")
    )
    return {
        "mean": mean, "mean_low": None, "mean_high": None, "note": ADJUSTED,
        "like_these": mean, "like_these_low": low, "like_these_high": high,
    }  # fmt: skip


def _aggregates(
    table: ScoreTable, m: int, target: float, level: float, replicates: int, seed: int
) -> dict[str, Interval]:
    """Limits for these environments: of seeds where they are common to all, else of single runs.

    Studentised limits hold with few runs, but for the median, which has no such ones.
    """
    scores = table.measured(m)
    if table.crossed and len(scores) > 1 and scores.shape[1] > 1 and np.isfinite(scores).all():
        return seed_aggregates(scores, level, target)

    def limits(kind: Kind) -> dict[str, Interval]:
        return aggregate_intervals(
            scores, kind=kind, replicates=replicates, level=level, target=target, seed=seed
        )

    return {**limits("studentised"), "median": limits("percentile")["median"]}


def _stability(table: ScoreTable, seed: int) -> Stability | None:
    """How the order depends on what it should not; None where methods cannot be ranked at all."""
    if len(table.methods) > MOST_RANKED:
        return None
    try:
        return stability(table.oriented, table.methods, table.environments, seed=seed)
    except UsageError:
        return None


def _ranks(table: ScoreTable, level: float) -> Row | None:
    """Friedman's test, average ranks and Nemenyi's groups, over complete environments."""
    try:
        test = friedman_test(table.means)
        groups = critical_difference(table.means, table.methods, level)
    except UsageError:
        return None
    return {
        "methods": list(groups.names),
        "average_ranks": list(groups.average_ranks),
        "critical_difference": groups.critical_difference,
        "groups": [list(group) for group in groups.groups],
        "friedman_p": test.p_value,
        "iman_davenport_p": test.f_p_value,
        "environments": test.environments,
        "note": groups.note,
    }


def _ranking_rows(table: ScoreTable, steadiness: Stability | None) -> list[Row]:
    if steadiness is None:
        return []
    return [
        {
            "rule": rule,
            "methods": [table.methods[m] for m in ranking.order],
            "ranks": [float(ranking.ranks[m]) for m in ranking.order],
            "scores": [float(ranking.scores[m]) for m in ranking.order],
            "note": ranking.note,
        }
        for rule, ranking in steadiness.rankings.items()
    ]


def _stability_row(table: ScoreTable, steadiness: Stability | None) -> Row | None:
    if steadiness is None:
        return None
    return {
        "winner_depends_on_rule": steadiness.winner_depends_on_rule,
        "rules": list(steadiness.rankings),
        "tau": steadiness.tau.tolist(),
        "scales": {
            name: [table.methods[m] for m in ranking.order]
            for name, ranking in steadiness.scales.items()
        },
    }


def _environment_rows(table: ScoreTable) -> list[Row]:
    """Mean score of every method in every environment, and who leads there."""
    sign = 1.0 if table.higher_is_better else -1.0
    rows = []
    for e, name in enumerate(table.environments):
        column = table.means[:, e]
        known = np.isfinite(column)
        best: Any = np.flatnonzero(column == column[known].max()) if known.any() else []
        if len(best) == known.sum() > 1:
            best = []  # what all share is no win
        rows.append(
            {
                "environment": name,
                "scores": (sign * column).tolist(),
                "best": [table.methods[m] for m in best],
            }
        )
    return rows


def _profiles(table: ScoreTable, level: float, replicates: int, seed: int) -> Row:
    """Share of runs better than each threshold, per method."""
    known = table.oriented[np.isfinite(table.oriented)]
    thresholds = np.linspace(known.min(), known.max(), THRESHOLDS)
    methods = []
    for m, name in enumerate(table.methods):
        profile = performance_profile(
            table.measured(m), thresholds, level=level, replicates=min(replicates, 1000), seed=seed
        )
        methods.append(
            {
                "method": name,
                "share": _rounded(profile.share),
                "low": _rounded(profile.low),
                "high": _rounded(profile.high),
            }
        )
    sign = 1.0 if table.higher_is_better else -1.0
    return {"thresholds": (sign * thresholds).tolist(), "methods": methods}


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [math.nan if math.isnan(v) else round(float(v), 4) for v in values]
