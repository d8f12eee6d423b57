"""Metrics that are somebody else's: scikit-learn's scorers by name, and functions of the user's.

What they need of an example is not known, so their numbers for each example come from leaving out
groups of examples (:func:`gengap.statistics.influence.jackknife_values`). A scorer is asked of an
estimator that says what the records hold.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from gengap.base.errors import UsageError, first_line, listing
from gengap.records.run import ExampleSet, Outcome, Problem
from gengap.statistics.influence import GROUPS, jackknife_values
from gengap.study.metrics import (
    METRICS,
    Metric,
    class_probabilities,
    class_scores,
    each_environment,
)

SHARES = ("precision", "recall", "f1", "jaccard", "top_k", "roc_auc", "average_precision")
LOSSES = ("_error", "_loss", "_deviance", "_distance")
# Of numbers, by the beginnings of their names; the others are of classes.
_OF_NUMBERS = (
    "neg_mean", "neg_median", "neg_root", "neg_max", "max_error", "explained", "d2_absolute",
    "d2_pinball", "r2",
)  # fmt: skip
# The user's functions, by the names that records hold; they last as long as the process.
_own: dict[str, Metric] = {}


def metric(
    wanted: Any,
    *,
    name: str = "",
    higher_is_better: bool | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
    uses: str = "predict",
) -> Metric:
    """A metric from a function, ``function(y_true, y_pred)``, or a scorer of scikit-learn's.

    Args:
        wanted: the function; a scorer, as ``make_scorer`` gives; or a :class:`Metric`.
        name: what to call it; the function's own name when empty.
        higher_is_better: None for False where the name ends in ``_error``, ``_loss``,
            ``_deviance`` or ``_distance``, else True, as scikit-learn names them.
        limits: its least and its greatest value.
        uses: what ``y_pred`` is: ``"predict"``, the predicted classes (codes, in the order of the
            labels) or values; ``"predict_proba"``, ``(n, C)`` probabilities, of two classes
            ``(n,)`` of the second; or ``"decision_function"``, the same of decision values.

    Raises:
        UsageError: it cannot be called.
    """
    if isinstance(wanted, Metric):
        if wanted.name not in METRICS:
            _own[wanted.name] = wanted
        return wanted
    if not callable(wanted):
        raise UsageError(
            f"{wanted!r} is no metric: give a name, a scorer of scikit-learn or a function of "
            "y_true and y_pred."
        )
    if uses not in ("predict", "predict_proba", "decision_function"):
        raise UsageError(
            f"A metric uses predict, predict_proba or decision_function, not {uses!r}."
        )
    if hasattr(wanted, "_score_func"):
        own = getattr(wanted._score_func, "__name__", "scorer")
        made = _of_scorer(name or own, wanted)
    else:
        own = getattr(wanted, "__name__", type(wanted).__name__)
        called = name or own
        better = not own.endswith(LOSSES) if higher_is_better is None else higher_is_better

        def value(model: _Recorded, rows: np.ndarray, y: np.ndarray) -> float:
            return float(wanted(y, getattr(model, uses)(rows, flat=True)))

        made = _metric(called, value, better, called.startswith(SHARES), limits, {uses})
    if made.name in METRICS or made.name in _scorer_names():
        raise UsageError(
            f"A metric is called {made.name} already; name yours otherwise with "
            "gg.metric(function, name=...)."
        )
    _own[made.name] = made
    return made


def own_metric(name: str) -> Metric | None:
    """A function of the user's that this process has met, by name."""
    return _own.get(name)


@cache
def scorer_metric(name: str) -> Metric | None:
    """A scorer of scikit-learn's by its name; larger is better, as all of them are."""
    from sklearn.metrics import get_scorer

    return _of_scorer(name, get_scorer(name)) if name in _scorer_names() else None


def check_fits(metric: Metric, task: str, fitting: Sequence[str], classes: int) -> None:
    """Refuse a scorer that is for another kind of target.

    Args:
        metric: a scorer of scikit-learn's.
        task: the kind of target.
        fitting: metrics that are for the task.
        classes: how many the target has.

    Raises:
        UsageError: it is, or it cannot score even answers that are all right.
    """
    from sklearn.metrics import get_scorer

    numbers = metric.name.startswith(_OF_NUMBERS)
    if task == "survival" or numbers != (task == "regression"):
        kind = "regression" if numbers else "classification"
        raise UsageError(
            f"The metric {metric.name} is for {kind}, but the target is a {task}; "
            f"use one of {listing(fitting)}."
        )
    model, y = _right(classes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            get_scorer(metric.name)(model, np.arange(len(y)), y)
    except Exception as error:  # of anybody's making
        raise UsageError(
            f"The metric {metric.name} cannot score a target of {classes or 'no'} classes "
            f"({first_line(error)}); use one of {listing(fitting)}."
        ) from None


def _right(classes: int) -> tuple[_Recorded, np.ndarray]:
    """A model whose answers are right, and the targets; values without ``classes``."""
    y = np.arange(4 * max(classes, 3)) % (classes or 5)
    if not classes:
        return _Regressor(y + 1.0), y + 1.0
    sure = np.eye(classes)[y] * 0.8 + 0.2 / classes
    return _Classifier(y, sure, sure, classes), y


def _of_scorer(name: str, scorer: Any) -> Metric:
    def value(model: _Recorded, rows: np.ndarray, y: np.ndarray) -> float:
        return float(scorer(model, rows, y))

    share = name.startswith(SHARES)
    limits = (0.0, 1.0) if share else (-math.inf, math.inf)
    return _metric(name, value, True, share, limits, _asked_for(value))


def _metric(
    name: str,
    value: Callable[[Any, np.ndarray, np.ndarray], float],
    higher_is_better: bool,
    fraction: bool,
    limits: tuple[float, float],
    asked: set[str],
) -> Metric:
    def on_rows(
        outcome: Outcome, examples: ExampleSet, problem: Problem
    ) -> Callable[[np.ndarray], float]:
        model = _recorded(outcome, problem, "predict_proba" in asked, "decision_function" in asked)
        every = np.arange(len(examples.target))

        def on(rows: np.ndarray) -> float:
            own = every[rows]
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"), _unchecked():
                    warnings.simplefilter("ignore")
                    return value(model, own, examples.target[own])
            except UsageError:
                raise
            except Exception:  # such as "only one class present", in the words of anybody
                return math.nan

        return on

    def per_example(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
        units = examples.example if examples.cluster is None else examples.cluster
        return jackknife_values(on_rows(outcome, examples, problem), units, GROUPS)

    def whole(outcome: Outcome, examples: ExampleSet, problem: Problem) -> np.ndarray:
        found = on_rows(outcome, examples, problem)(np.ones(len(examples.target), bool))
        return np.full(len(examples.target), found)

    made = Metric(
        name, higher_is_better, fraction, per_example, limits,
        scores=bool(asked - {"predict"}), probability="predict_proba" in asked
        and "decision_function" not in asked,
    )  # fmt: skip
    return replace(
        each_environment(made), same=each_environment(replace(made, per_example=whole)).per_example
    )


def _unchecked() -> Any:
    """A block in which scikit-learn does not check what was checked before it was recorded."""
    return config_context(assume_finite=True, skip_parameter_validation=True)


class _Recorded(BaseEstimator):
    """An estimator that answers row numbers with what was recorded, and notes what it was asked."""

    def __init__(
        self,
        predicted: np.ndarray,
        probability: np.ndarray | None = None,
        decision: np.ndarray | None = None,
        classes: int = 0,
    ) -> None:
        self.predicted, self.probability, self.decision = predicted, probability, decision
        self.classes = classes
        self.asked: set[str] = set()
        self.is_fitted_ = True
        if classes:
            self.classes_ = np.arange(classes)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: np.ndarray, flat: bool = False) -> np.ndarray:
        """The answers."""
        self.asked.add("predict")
        return self.predicted[X]


class _Classifier(ClassifierMixin, _Recorded):
    """Classes are codes."""

    def predict_proba(self, X: np.ndarray, flat: bool = False) -> np.ndarray:
        """Probabilities ``(n, C)``; of two classes, ``(n,)`` where wanted flat."""
        self.asked.add("predict_proba")
        assert self.probability is not None
        return self.probability[X, 1] if flat and self.classes == 2 else self.probability[X]

    def decision_function(self, X: np.ndarray, flat: bool = False) -> np.ndarray:
        """Decision values ``(n, C)``, of two classes ``(n,)``."""
        self.asked.add("decision_function")
        assert self.decision is not None
        return self.decision[X, 1] if self.classes == 2 else self.decision[X]


class _Regressor(RegressorMixin, _Recorded):
    """Answers are values."""


def _recorded(outcome: Outcome, problem: Problem, probability: bool, decision: bool) -> _Recorded:
    count = len(problem.classes)
    if not count:
        return _Regressor(outcome.predicted.astype(np.float64))
    scored = probability or decision
    known = scored and outcome.true_probability is not None
    return _Classifier(
        outcome.predicted,
        class_probabilities(outcome, problem) if known else None,
        class_scores(outcome, problem) if scored else None,
        count,
    )


def _asked_for(value: Callable[[Any, np.ndarray, np.ndarray], float]) -> set[str]:
    """What a scorer asks of a classifier, of two or of three classes."""
    asked: set[str] = set()
    for classes in (2, 3):
        model, y = _right(classes)
        with warnings.catch_warnings(), suppress(Exception):  # for another kind of target
            warnings.simplefilter("ignore")
            value(model, np.arange(len(y)), y)
        asked |= model.asked
    return asked


@cache
def _scorer_names() -> frozenset[str]:
    from sklearn.metrics import get_scorer_names

    return frozenset(get_scorer_names())
