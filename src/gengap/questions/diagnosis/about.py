"""What every part of an explanation says of itself: whose losses, and how they are printed."""

from __future__ import annotations

from dataclasses import dataclass

from gengap.questions.diagnosis.material import Material
from gengap.study.result import Result


@dataclass(frozen=True)
class About:
    """What a part speaks of.

    Attributes:
        method: the method whose runs are read; empty where it is all of them.
        metric: the name of the study's metric.
        fraction: whether scores are shares, shown in percent.
        higher_is_better: whether the metric is a score rather than a loss.
        place: what one environment is called.
        environments: number of unseen environments read.
        seeds: number of seeds.
    """

    method: str
    metric: str
    fraction: bool
    higher_is_better: bool
    place: str
    environments: int
    seeds: int


def about(material: Material) -> About:
    """What a part that reads one method's runs says of itself."""
    return about_result(material.result, material.method)


def about_result(result: Result, method: str = "") -> About:
    """The same of a result, for all methods or one."""
    plan = result.plan
    held_out = {name for cell in plan.unseen for name in cell.unseen}
    return About(
        method=method,
        metric=plan.metric,
        fraction=plan.score.fraction,
        higher_is_better=plan.score.higher_is_better,
        place=plan.problem.kind,
        environments=len(held_out),
        seeds=len(plan.seeds),
    )
