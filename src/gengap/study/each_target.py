"""What unseen environments cost each of several targets: the same runs, one target scored alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gengap.statistics import source_intervals
from gengap.study.finding import TargetRow
from gengap.study.metrics import Metric

if TYPE_CHECKING:
    from gengap.study.result import Result


def target_rows(result: Result) -> list[TargetRow] | None:
    """A row per method and target; None where there is one target.

    The runs are those that the study's rule keeps for all targets together, so that of a metric
    that averages over examples the rows of a method average to its own.
    """
    targets = result.plan.problem.targets
    if not targets:
        return None
    return [
        _row(result, method, target, result.plan.score.of_target(number, target))
        for method in result.scores
        for number, target in enumerate(targets)
    ]


def _row(result: Result, method: str, target: str, metric: Metric) -> TargetRow:
    sign, scores = (1.0 if metric.higher_is_better else -1.0), result.scores[method]
    p = result.paired_under(method, metric)
    unseen, reference = scores.means(p), scores.means(p, "reference")
    within = p.means_inside()
    inside, outside = (
        float(np.mean([within[code] for code in unseen])),
        float(np.mean(list(unseen.values()))),
    )
    beside = float(np.mean(list(reference.values())))
    cost = sign * (beside - outside)
    expected, _ = source_intervals(
        sign * (p.reference - p.unseen), p.environment, p.seed, p.example,
        **result.training_noise(method, metric),
    )  # fmt: skip
    expected = result.told(cost, expected)
    return TargetRow(
        method=method,
        target=target,
        score_in_distribution=inside,
        score_unseen=outside,
        score_reference=beside,
        gap=sign * (inside - outside),
        cost_of_unseen=cost,
        expected_low=expected.low,
        expected_high=expected.high,
    )
