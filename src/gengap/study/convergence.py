"""Whether training was long enough: networks whose score in distribution still rose at the end.

Told from what is recorded anyway, the validation scores at the checkpoints. A cost measured on
half-trained networks is not that of trained ones, and comparisons with estimators, which are always
fitted to the end, are not fair to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gengap.base.errors import listing
from gengap.study.rules import Rule
from gengap.study.scores import Scores

EARLIER = 0.7  # of the steps: what was gained after the last checkpoint up to there counts
CLOSED = 0.1  # of what was missing there to the best possible score
LEAST = 0.02  # of a score that is not in the target's unit


def said_of_convergence(readers: Mapping[str, Scores], rule: Rule) -> list[str]:
    """Which networks had not converged, in a sentence; none where all had, or it cannot be told.

    Args:
        readers: the reader of each method's runs.
        rule: the study's, which chooses among trials.
    """
    still = [name for name, scores in readers.items() if still_rising(scores, rule)]
    if not still:
        return []
    metric = next(iter(readers.values())).metric
    return [
        f"Training of {listing(still)} had not converged: in distribution, {metric.name} still "
        f"{'rose' if metric.higher_is_better else 'fell'} fast over the last third of the steps; "
        "raise --steps or learning_rate."
    ]


def still_rising(scores: Scores, rule: Rule) -> bool:
    """Whether a method's networks still gained much over the last third of their training."""
    metric = scores.metric
    best = metric.limits[1] if metric.higher_is_better else -metric.limits[0]
    choices, _ = scores.choices(rule)
    ends = [
        found
        for one, _ in choices.values()
        if (found := _ends(scores.validation[one.key])) is not None
    ]
    if not ends or not math.isfinite(best):
        return False
    earlier, last = np.mean(ends, axis=0)
    unitless = metric.fraction or metric.probability or best == 1
    least = LEAST if unitless else 0.0
    return bool(last - earlier > max(CLOSED * (best - earlier), least))


def _ends(
    validation: Mapping[int, tuple[np.ndarray, np.ndarray]],
) -> tuple[float, float] | None:
    """A run's score in distribution, larger is better, before the last third and at the end."""
    last = max(validation)
    before = [step for step in validation if 0 < step <= EARLIER * last]
    if not before:
        return None
    found = [validation[step][0] for step in (max(before), last)]
    if not all(np.isfinite(own).any() for own in found):
        return None
    earlier, end = (float(np.nanmean(own)) for own in found)
    return (earlier, end) if math.isfinite(earlier + end) else None
