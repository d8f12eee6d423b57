"""What the next study needs: records in, a plan in numbers out.

Reads paired differences from a study's records (:mod:`.differences`), estimates what they vary
with (:mod:`gengap.statistics.variance_parts`) and says what shows a difference of a given size
(:mod:`gengap.statistics.allocation`). Where the records hold runs trained on several numbers of
environments, a learning curve (:mod:`gengap.statistics.curves`) says what more of them bring.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, TypedDict

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.finding import Finding
from gengap.questions.planning.differences import (
    PairedDifferences,
    paired_differences,
    scores_by_training_environments,
)
from gengap.records.store import Store
from gengap.records.studies import studies_of
from gengap.statistics.allocation import Option, Plan, best_allocation, runs_to_detect
from gengap.statistics.curves import Curve, fit_curve
from gengap.statistics.planning import Test
from gengap.statistics.power_law import FEWEST_SIZES
from gengap.statistics.variance_parts import VarianceParts, variance_parts
from gengap.study.metric_names import metric_for
from gengap.study.metrics import Metric
from gengap.study.result import Result, read_result


@dataclass(frozen=True, repr=False)
class NextStudy(Finding):
    """What the next study needs.

    Attributes:
        problem: the data's name.
        metric: the score planned for.
        fraction: whether it is a share, to be told in points.
        method: the method.
        against: the method it is compared with; None for the cost of unseen.
        parts: what the difference varies with.
        plan: what shows the difference.
        budget: runs to spend from scratch, or None.
        allocations: ways to spend it, best first; empty without one.
        training_environments: on how many the records' runs were trained, ascending.
        curve: unseen score against that number, or None.
    """

    kind: ClassVar[str] = "planning"
    problem: str
    metric: str
    fraction: bool
    method: str
    against: str | None
    parts: VarianceParts
    plan: Plan
    budget: int | None
    allocations: tuple[Option, ...]
    training_environments: tuple[int, ...]
    curve: Curve | None


def next_study(
    store: Store,
    detect: float,
    *,
    method: str | None = None,
    against: str | None = None,
    study: str | None = None,
    metric: str | None = None,
    power: float = 0.8,
    level: float = 0.95,
    budget: int | None = None,
) -> NextStudy:
    """Plan the study that shows a difference of ``detect``, from the records of one made.

    Args:
        store: the records.
        detect: the difference to find, in the unit of the score: 0.02 of accuracy is 2 points. A
            cost of unseen is that of a study of the same size; with more environments to train on
            it is taken to be less.
        method: its name; None for the baseline.
        against: another method to compare with; None plans for the cost of unseen.
        study: which one, where the records hold several; None for the one carried out last.
        metric: None for the study's own.
        power: chance to find the difference.
        level: 1 minus the chance to find one that is not there.
        budget: runs to spend from scratch.

    Raises:
        UsageError: unknown names, records without what is needed, numbers out of range.
    """
    check_detect(detect)
    result = read_result(store, study)
    data = result.plan.problem
    name = method or result.plan.baseline
    if name == against:
        raise UsageError(f"{name} cannot be compared with itself; name another method.")
    score = metric_for(metric, data.task, len(data.classes)) if metric else result.plan.score
    _check_fraction(detect, score)
    found = paired_differences(result, name, against, score)
    columns = found.difference, found.environment, found.seed, found.example
    parts = variance_parts(*columns, pool=data.examples / len(data.environments))
    measured = float(np.mean(list(result.differences(name, against, score).values())))
    parts = replace(parts, difference=measured)  # the study's figure, to the digit
    asked = _asked(found, parts, result, against)
    plan = runs_to_detect(parts, detect, power, level, **asked)
    allocations = () if budget is None else best_allocation(parts, budget, detect, level, **asked)
    alike = [read_result(store, key) for key in studies_of(store, data.fingerprint)]
    counts, scores = scores_by_training_environments(alike, name, score)
    enough = len(np.unique(counts)) >= FEWEST_SIZES
    best = 1.0 if score.higher_is_better else 0.0
    curve = fit_curve(counts, scores, best=best, level=level) if enough else None
    sizes = tuple(int(size) for size in np.unique(counts))
    return NextStudy(
        result.name, score.name, score.fraction, name, against, parts, plan, budget, allocations,
        sizes, curve,
    )  # fmt: skip


def check_detect(detect: float) -> None:
    """Refuse a difference that is no positive number.

    Raises:
        UsageError: it is not.
    """
    if not 0 < detect < math.inf:
        raise UsageError(
            f"The difference to detect is {detect}; give a positive number, e.g. 0.02."
        )


def _check_fraction(detect: float, metric: Metric) -> None:
    if not metric.fraction or detect < 1:
        return
    fix = f"did you mean {detect / 100:g}?" if detect < 100 else "give a fraction, e.g. 0.02."
    raise UsageError(
        f"A difference of {detect:g} in {metric.name} would be {100 * detect:,.0f} points; {fix}"
    )


class _Asked(TypedDict):
    test: Test
    left_out: float
    runs_per_environment: float
    runs_per_seed: float


def _asked(
    found: PairedDifferences, parts: VarianceParts, result: Result, against: str | None
) -> _Asked:
    """By which test `gengap run` will judge, what shrinks, and what a run more costs."""
    own = found.runs - found.shared_runs
    return {
        "test": "comparison" if against else "cost",
        "left_out": 0.0 if against else _left_out(result),
        "runs_per_environment": own / (parts.environments * parts.seeds),
        "runs_per_seed": found.shared_runs / parts.seeds,
    }


def _left_out(result: Result) -> float:
    """Environments unseen at a time; 0 where splits do not train on all the others."""
    if math.isnan(result.share_with_all):
        return 0.0
    return float(np.mean([len(cell.unseen) for cell in result.plan.unseen]))
