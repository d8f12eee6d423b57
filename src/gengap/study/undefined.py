"""Where a metric is not defined: AUROC of a test part that holds one class alone.

Told from the targets, before anything is trained, so that nobody waits for a study that can say
nothing.
"""

from __future__ import annotations

import numpy as np

from gengap.base.errors import Caveat, UsageError, listing
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study.plan import Plan


def said_of_undefined(plan: Plan) -> list[str]:
    """What is left out of a study's means for want of what the metric needs, in a sentence.

    Raises:
        UsageError: no test part of an unseen environment defines the metric.
    """
    metric, names = plan.score, plan.problem.environments
    if metric.name not in _WHY:
        return []
    missing = np.zeros((len(names), len(plan.seeds)), bool)
    tested = np.zeros_like(missing)
    unseen = np.logical_or.reduce([cell.held_out for cell in plan.unseen])
    for place, seed in enumerate(plan.seeds):
        examples = plan.example_set(seed, "test")
        examples = examples.at(unseen[examples.example])
        values = metric.values(_right(examples, plan.problem), examples, plan.problem)
        tested[examples.environment, place] = True
        missing[examples.environment[np.isnan(values)], place] = True
    if not missing.any():
        return []
    rows = int(np.bincount(plan.units.environment[unseen]).max())
    if np.array_equal(missing, tested):
        raise UsageError(
            f"{metric.name} is defined in no test part: {_WHY[metric.name]}, in environments of up "
            f"to {rows:,} rows, a fifth of which are tested at a time; choose another metric."
        )
    lost = [
        name
        for name, own, of in zip(names, missing, tested, strict=True)
        if (own == of).all() and of.any()
    ]
    sentence = (
        f"{metric.name} is not defined in {missing.sum():,} of {tested.sum():,} test parts (an "
        f"{plan.problem.kind} under one seed), which are left out: {_WHY[metric.name]}."
    )
    if not lost:
        return [sentence]
    return [
        Caveat(f"{sentence} Of {listing(lost)} nothing is left, so the answer is not about them.")
    ]


_WHY = {
    "auroc": "they hold one class alone",
    "average_precision": "they hold no example of the second class",
    "f1": "they hold no example of the second class",
    "quadratic_kappa": "they hold one rank alone",
    "concordance": "they hold no two times that can be compared",
}


def _right(examples: ExampleSet, problem: Problem) -> Outcome:
    """Predictions that are right, with scores of classes that say so."""
    y = examples.target
    if not problem.classes:
        return Outcome(0, "test", -np.abs(y) if problem.task == "survival" else y)
    if problem.targets:
        return Outcome(0, "test", y, scores=y * 2.0 - 1.0)
    sure = (y[:, None] == np.arange(len(problem.classes))) * 2.0 - 1.0
    return Outcome(0, "test", y, scores=sure[:, 1:] if sure.shape[1] == 2 else sure)
