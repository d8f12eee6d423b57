"""Scores and losses as one number per example, so that they pair and average over any subset.

Those that are no mean over examples, such as AUROC, are had of one environment's part at a time,
through numbers whose mean they are (:mod:`gengap.statistics.influence`). Where a part does not
define one (AUROC of one class), these are NaN, and what reads scores leaves that environment out
under that seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from gengap.base.errors import UsageError
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.statistics import influence

# The smallest positive normal float16: probabilities are stored in half precision.
SMALLEST_PROBABILITY = 6.1e-5

PerExample = Callable[[Outcome, ExampleSet, Problem], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """A score (larger is better) or a loss, evaluated per example.

    Attributes:
        name: as users and records write it, with what it is set to after a colon.
        higher_is_better: False for losses.
        fraction: whether it is a share, to be shown in percent.
        per_example: function of outcome, examples and problem giving ``(n,)`` float64, whose mean
            over an environment is the metric there.
        limits: the least and the greatest value that is possible.
        averages: whether an example's number is its own, whatever the others are.
        scores: whether it needs the scores of classes in the records.
        probability: whether it needs probabilities.
        same: like ``per_example`` but of no use beyond its means, where that is cheaper.
        set_to: what can be set after a colon, in words; empty for nothing.
        target: which of several targets is scored; None for the mean over all of them.
    """

    name: str
    higher_is_better: bool
    fraction: bool
    per_example: PerExample
    limits: tuple[float, float] = (0.0, math.inf)
    averages: bool = True
    scores: bool = False
    probability: bool = False
    same: PerExample | None = None
    set_to: str = ""
    target: int | None = None

    def values(
        self, outcome: Outcome, examples: ExampleSet, problem: Problem, means: bool = False
    ) -> np.ndarray:
        """The metric per example ``(n,)``; of several targets the mean of each one's alone.

        Args:
            means: whether nothing but means of the values is wanted, which may be cheaper.
        """
        found = (self.same if means else None) or self.per_example
        if not problem.targets:
            return found(outcome, examples, problem)
        each = range(len(problem.targets)) if self.target is None else [self.target]
        values = [
            found(outcome.one_target(k), examples.one_target(k), problem.one_target(k))
            for k in each
        ]
        return np.asarray(np.mean(values, axis=0))

    def of_target(self, number: int, name: str) -> Metric:
        """The same metric of one of several targets, by its position."""
        return replace(self, name=f"{self.name} of {name}", target=number)

    def why_not(self, estimator: Any) -> str:
        """Why it cannot score an estimator, or nothing; None stands for a network."""
        if estimator is None:
            return ""
        probability = hasattr(estimator, "predict_proba")
        if self.probability and not probability:
            return (
                f"{self.name} needs probabilities, which {type(estimator).__name__} does not give."
            )
        if self.scores and not (probability or hasattr(estimator, "decision_function")):
            return (
                f"{self.name} needs probabilities or decision values, which "
                f"{type(estimator).__name__} does not give."
            )
        return ""


def each_environment(metric: Metric) -> Metric:
    """The metric on one environment at a time; predictions that are no numbers are the worst."""

    def per_example(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
        found = np.empty(len(examples.target))
        for k in np.unique(examples.environment):
            own = examples.environment == k
            part = outcome.at(own)
            shown = part.predicted if part.scores is None else part.scores
            if np.isnan(shown).any():
                found[own] = -math.inf if metric.higher_is_better else math.inf
            else:
                found[own] = metric.per_example(part, examples.at(own), problem)
        return found

    return replace(metric, per_example=per_example, averages=False)


def _accuracy(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return (outcome.predicted == examples.target).astype(np.float64)


def _balanced_accuracy(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return influence.recall_values(examples.target, outcome.predicted)


def _log_loss(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    if outcome.true_probability is None:
        raise UsageError("log_loss needs a classifier that gives probabilities.")
    probability = outcome.true_probability.astype(np.float64)
    return -np.log(np.maximum(probability, SMALLEST_PROBABILITY))


def class_scores(outcome: Outcome, problem: Problem) -> np.ndarray:
    """Scores ``(n, C)`` of the classes, float64; of two, the second's and minus that.

    Raises:
        UsageError: the records have none.
    """
    if outcome.scores is None:
        raise UsageError(
            "These records do not hold what the metric needs, scores of the classes; name the "
            "metric when the study is run (gengap run ... --metric): its runs train again."
        )
    scores = outcome.scores.astype(np.float64)
    return np.concatenate([-scores, scores], 1) if scores.shape[1] == 1 else scores


def class_probabilities(outcome: Outcome, problem: Problem) -> np.ndarray:
    """Probabilities ``(n, C)`` of the classes, float64.

    Raises:
        UsageError: the records have none.
    """
    scores = class_scores(outcome, problem)
    if outcome.true_probability is None:
        raise UsageError("The metric needs a classifier that gives probabilities.")
    return np.asarray(expit(scores) if len(problem.classes) == 2 else np.exp(scores))


def _auroc(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """One class against the rest, the mean over classes that some examples have and some lack."""
    scores, y = class_scores(outcome, problem), examples.target
    if len(problem.classes) == 2:
        return influence.auroc_values(y == 1, scores[:, 1])
    present = np.unique(y)
    some = present if len(present) > 1 else present[:0]
    return influence.mean_over_classes(influence.auroc_values, y, scores, some)


def _average_precision(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    scores, y = class_scores(outcome, problem), examples.target
    if len(problem.classes) == 2:
        return influence.average_precision_values(y == 1, scores[:, 1])
    values = influence.average_precision_values
    return influence.mean_over_classes(values, y, scores, np.unique(y))


def _f1(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    if len(problem.classes) > 2:
        return _f1_macro(outcome, examples, problem)
    positive = examples.target == 1
    if not positive.any():  # whatever is answered
        return np.full(len(positive), np.nan)
    return influence.f1_values(positive, outcome.predicted == 1)


def _f1_macro(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    y, answer = examples.target, outcome.predicted
    either = np.unique(np.concatenate([y, answer]))
    return np.asarray(np.mean([influence.f1_values(y == k, answer == k) for k in either], axis=0))


def _brier(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """Squared distance from certainty of the truth; of two classes, of the second's probability."""
    probability = class_probabilities(outcome, problem)
    truth = examples.target[:, None] == np.arange(len(problem.classes))
    return ((probability - truth) ** 2).sum(1) / (2 if len(problem.classes) == 2 else 1)


def calibration_error(
    outcome: Outcome, examples: ExampleSet, problem: Problem, bins: int = influence.BINS
) -> np.ndarray:
    """Distance between confidence in the answer and how often it is right."""
    probability = class_probabilities(outcome, problem)
    own = probability[np.arange(len(probability)), outcome.predicted]
    return influence.calibration_values(own, outcome.predicted == examples.target, bins)


def _error(outcome: Outcome, examples: ExampleSet) -> np.ndarray:
    return outcome.predicted.astype(np.float64) - examples.target


def _squared_error(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return _error(outcome, examples) ** 2


def _absolute_error(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return np.abs(_error(outcome, examples))


def _r2(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """Explained share of the variance of all the data, one scale for every environment."""
    return 1 - _squared_error(outcome, examples, problem) / problem.target_variance


def _rmse(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    return influence.root_values(_squared_error(outcome, examples, problem))


def quantile(
    outcome: Outcome, examples: ExampleSet, problem: Problem, share: float = 0.5
) -> np.ndarray:
    """Pinball loss of the quantile that a share of the targets lies below."""
    error = _error(outcome, examples)
    return np.maximum((1 - share) * error, -share * error)


def _quadratic_kappa(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    if len(np.unique(examples.target)) < 2:
        return np.full(len(examples.target), np.nan)
    return influence.kappa_values(examples.target, outcome.predicted)


def _concordance(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """Of targets that are times, negative where they end without the event."""
    y = examples.target
    return influence.concordance_values(np.abs(y), y > 0, outcome.predicted.astype(np.float64))


def _score(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
    """What the problem gave each unit."""
    return outcome.predicted.astype(np.float64)


def _share(name: str, function: PerExample, **options: Any) -> Metric:
    return Metric(name, True, True, function, (0.0, 1.0), **options)


def _loss(name: str, function: PerExample, **options: Any) -> Metric:
    return Metric(name, False, False, function, **options)


BINS_SET = "a whole number of bins, as in calibration_error:10"
QUANTILE_SET = "a share between 0 and 1, as in quantile:0.9"
METRICS = {
    metric.name: metric
    for metric in (
        _share("accuracy", _accuracy),
        each_environment(_share("balanced_accuracy", _balanced_accuracy)),
        _loss("log_loss", _log_loss, probability=True),
        each_environment(_share("auroc", _auroc, scores=True)),
        each_environment(_share("average_precision", _average_precision, scores=True)),
        each_environment(_share("f1", _f1)),
        each_environment(_share("f1_macro", _f1_macro)),
        _loss("brier", _brier, limits=(0.0, 2.0), scores=True, probability=True),
        each_environment(
            Metric(
                "calibration_error", False, True, calibration_error, (0.0, 1.0),
                scores=True, probability=True, set_to=BINS_SET,
            )
        ),
        Metric("r2", True, False, _r2, (-math.inf, 1.0)),
        _loss("squared_error", _squared_error),
        _loss("absolute_error", _absolute_error),
        each_environment(_loss("rmse", _rmse)),
        _loss("quantile", quantile, set_to=QUANTILE_SET),
        _loss("rank_error", _absolute_error),
        each_environment(Metric("quadratic_kappa", True, False, _quadratic_kappa, (-1.0, 1.0))),
        each_environment(_share("concordance", _concordance)),
        _share("exact_match", _score),
        _share("token_accuracy", _score),
        _share("answer_match", _score),
        _share("success", _score),
        Metric("return", True, False, _score, (-math.inf, math.inf)),
        Metric("normalised_return", True, False, _score, (-math.inf, math.inf)),
    )
}  # fmt: skip
