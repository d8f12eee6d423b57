"""What the next study needs, planned from any table of scores.

A table holds one score per method, environment and seed, so that what examples bring cannot be
told: their noise counts as that of seeds within an environment, and only more environments and more
seeds are planned.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gengap.base.errors import UsageError, listing, unknown
from gengap.questions.comparison.table import ScoreTable
from gengap.questions.planning.next_study import NextStudy, check_detect
from gengap.statistics.allocation import best_allocation, runs_to_detect
from gengap.statistics.variance_parts import variance_parts
from gengap.statistics.votes import seed_means

NO_EXAMPLES = "A table of scores does not say what more of them would bring."
RUNS = 2.0  # of two methods, for each environment and seed


def next_study_of_table(
    table: ScoreTable,
    detect: float,
    *,
    method: str | None = None,
    against: str | None = None,
    power: float = 0.8,
    level: float = 0.95,
    budget: int | None = None,
) -> NextStudy:
    """Plan the study that shows a difference of ``detect`` between two methods of a table.

    Args:
        table: the scores.
        detect: the difference to find, in their unit.
        method, against: which two; may be left out where the table has but two.
        power: chance to find the difference.
        level: 1 minus the chance to find one that is not there.
        budget: runs to spend from scratch.

    Raises:
        UsageError: methods that are not there or not named, too few environments that both have,
            numbers out of range.
    """
    check_detect(detect)
    first, second = _two(table, method, against)
    difference = _differences(table, first, second)
    environment, seed = np.nonzero(np.isfinite(difference))
    values = difference[environment, seed]
    # Every cell is one unit: its number tells it from all others.
    parts = variance_parts(values, environment, seed, np.arange(len(values)))
    parts = replace(parts, pool=math.inf)
    asked = {"test": "comparison", "runs_per_environment": RUNS, "runs_per_seed": 0.0}
    plan = runs_to_detect(parts, detect, power, level, **asked)  # type: ignore[arg-type]
    options = tuple(
        replace(option, reason=NO_EXAMPLES) if option.change == "examples" else option
        for option in plan.options
    )
    plan = replace(plan, options=options)
    allocations = (
        () if budget is None else best_allocation(parts, budget, detect, level, **asked)  # type: ignore[arg-type]
    )
    return NextStudy(
        table.name, table.metric, False, first, second, parts, plan, budget, allocations, (), None
    )


def _two(table: ScoreTable, method: str | None, against: str | None) -> tuple[str, str]:
    """Names of the two methods to plan for."""
    for name in (method, against):
        if name is not None and name not in table.methods:
            raise unknown(f"There is no method {name!r} in {table.name}", name, table.methods)
    if len(table.methods) == 2 and not (method and against):
        method = method or next(name for name in table.methods if name != against)
        against = next(name for name in table.methods if name != method)
    if method is None or against is None:
        raise UsageError(
            f"{table.name} has {len(table.methods)} methods ({listing(table.methods)}); name two "
            "of them with --method and --against."
        )
    if method == against:
        raise UsageError(f"{method} cannot be compared with itself; name another method.")
    return method, against


def _differences(table: ScoreTable, first: str, second: str) -> np.ndarray:
    """``(E, S)`` of paired seeds, or ``(E, 1)`` of means over seeds where they are not paired."""
    one, other = (table.scores[table.methods.index(name)] for name in (first, second))
    if table.paired:
        return np.asarray(one - other)
    return np.asarray(seed_means(one) - seed_means(other))[:, None]
