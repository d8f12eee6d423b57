"""Scores and losses as one number per example, so that they pair and average over any subset."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError, listing, suggest, unknown
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.study import keys

# The smallest positive normal float16: probabilities are stored in half precision.
SMALLEST_PROBABILITY = 6.1e-5


@dataclass(frozen=True)
class Metric:
    """A score (larger is better) or a loss, evaluated per example.

    Attributes:
        fraction: whether it is a share, to be shown in percent.
        per_example: function of outcome, examples and problem giving ``(n,)`` float64.
    """

    name: str
    task: str
    higher_is_better: bool
    fraction: bool
    per_example: Callable[[Outcome, ExampleSet, Problem], np.ndarray]

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest mean that is possible."""
        least = 0.0 if self.fraction or not self.higher_is_better else -math.inf
        return least, 1.0 if self.fraction or self.name == "r2" else math.inf


def _accuracy(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return (outcome.predicted == examples.target).astype(np.float64)


def _balanced_accuracy(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """Correctness weighted so that its mean over an environment is the mean recall over classes."""
    width = len(problem.classes)
    cell = examples.environment.astype(np.int64) * width + examples.target.astype(np.int64)
    counts = np.bincount(cell, minlength=len(problem.environments) * width).reshape(-1, width)
    present = np.maximum((counts > 0).sum(1), 1)
    weight = (counts.sum(1) / present)[examples.environment] / counts.ravel()[cell]
    return _accuracy(outcome, examples, problem) * weight


def _log_loss(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    if outcome.true_probability is None:
        raise UsageError("log_loss needs a classifier that gives probabilities.")
    probability = outcome.true_probability.astype(np.float64)
    return -np.log(np.maximum(probability, SMALLEST_PROBABILITY))


def _squared_error(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return (outcome.predicted.astype(np.float64) - examples.target) ** 2


def _absolute_error(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return np.abs(outcome.predicted.astype(np.float64) - examples.target)


def _r2(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """Explained share of the variance of all the data, one scale for every environment."""
    return 1 - _squared_error(outcome, examples, problem) / problem.target_variance


def _score(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """What the problem gave each unit."""
    return outcome.predicted.astype(np.float64)


# Whether it is better higher, whether it is a share, and how it is found.
_FOUND = {
    "accuracy": (True, True, _accuracy),
    "balanced_accuracy": (True, True, _balanced_accuracy),
    "log_loss": (False, False, _log_loss),
    "r2": (True, False, _r2),
    "squared_error": (False, False, _squared_error),
    "absolute_error": (False, False, _absolute_error),
    "exact_match": (True, True, _score),
    "return": (True, False, _score),
}
METRICS = {
    name: Metric(name, task, *_FOUND[name]) for task, own in keys.METRICS.items() for name in own
}


def metric_named(name: str) -> Metric:
    """Look a metric up by the name that records hold.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in METRICS:
        raise unknown(f"There is no metric {name!r}", name, METRICS)
    return METRICS[name]


def metric_for(name: str | None, task: str) -> Metric:
    """Look a metric up; None gives accuracy, r2 or, of units with a score, exact match."""
    fitting = [m.name for m in METRICS.values() if m.task == task]
    name = fitting[0] if name is None else name
    if name not in METRICS:
        raise UsageError(
            f"There is no metric {name!r}{suggest(name, METRICS)} (for {task}: {listing(fitting)})."
        )
    if METRICS[name].task != task:
        raise UsageError(
            f"The metric {name} is for {METRICS[name].task}, but the target is a {task}; "
            f"use one of {listing(fitting)}."
        )
    return METRICS[name]
