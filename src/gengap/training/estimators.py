"""Runs of scikit-learn estimators, with the same parts, preparation and records as networks."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.seeds import derive
from gengap.records.run import FinishedRun, Outcome
from gengap.training.class_scores import half, of_decisions, of_probabilities
from gengap.training.inputs import Kind
from gengap.training.kept import estimator_to_bytes
from gengap.training.tables import Tables
from gengap.training.tasks import Task, finished


def estimator_named(name: str, task: str, **parameters: Any) -> Any:
    """Build the scikit-learn estimator called ``name``; checks that it fits the task."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils import all_estimators

    known = dict(all_estimators(type_filter=["classifier", "regressor"]))
    if name not in known:
        raise UsageError(
            f"scikit-learn has no classifier or regressor {name!r}{suggest(name, known)}; "
            "write the name of its class, e.g. sklearn:RandomForestClassifier."
        )
    try:
        estimator = known[name](**parameters)
    except TypeError:
        accepted = known[name]().get_params()
        wrong = next((p for p in parameters if p not in accepted), "")
        raise UsageError(
            f"sklearn:{name} has no parameter {wrong!r}{suggest(wrong, accepted)} "
            f"(it has: {listing(accepted)})."
        ) from None
    fits = is_classifier(estimator) if task == "classification" else is_regressor(estimator)
    if not fits:
        kind = "classifier" if is_classifier(estimator) else "regressor"
        twin = _twin(name, kind, set(known))
        raise UsageError(
            f"sklearn:{name} is a {kind}, but the target is a {task}; use sklearn:{twin}."
        )
    return estimator


def _twin(name: str, kind: str, known: set[str]) -> str:
    """The estimator of the other kind that corresponds to one, or the usual baseline."""
    endings = [("Classifier", "Regressor"), ("SVC", "SVR")]
    for ending, other in endings if kind == "classifier" else [(b, a) for a, b in endings]:
        twin = name.removesuffix(ending) + other
        if name.endswith(ending) and twin in known:
            return twin
    return "Ridge" if kind == "classifier" else "LogisticRegression"


def train_estimator(
    estimator: Any, task: Task, problem: Tables, kind: Kind = "prepared", keep: str = ""
) -> FinishedRun:
    """Fit a clone on the task's training rows and score it; the given estimator is not changed.

    Args:
        kind: what the estimator gets; see :mod:`gengap.training.inputs`.
        keep: ``"any"`` to return the fitted estimator as bytes, ``"small"`` if it is small, or "".
    """
    start = time.perf_counter()
    model = fitted(estimator, task, problem, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = [
            _outcome(model, problem.inputs(task, scored, kind), problem, scored, part, task.scores)
            for part, scored in task.score.items()
        ]
    kept = estimator_to_bytes(model, small=keep == "small") if keep else None
    seconds = time.perf_counter() - start
    return finished(task, outcomes, seconds, 1.0, len(task.train_rows), [kept] if kept else ())


def fitted(estimator: Any, task: Task, problem: Tables, kind: Kind = "prepared") -> Any:
    """A clone, fitted on the task's training rows; the same task gives the same model."""
    from sklearn.base import clone

    model = seeded(for_targets(clone(estimator), problem), task.run.seed)
    rows = task.train_rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(problem.inputs(task, rows, kind), problem.target(rows, model))


def for_targets(estimator: Any, problem: Tables) -> Any:
    """The estimator, or of several targets that it cannot learn together one of it for each."""
    if not problem.target_names or learns_several(estimator):
        return estimator
    from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

    kind = MultiOutputClassifier if problem.classes else MultiOutputRegressor
    return kind(estimator)


def learns_several(estimator: Any) -> bool:
    """Whether an estimator says of itself that it learns several targets at once."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if isinstance(estimator, Pipeline):
        return learns_several(estimator.steps[-1][1])
    if type(estimator).__module__ == "sklearn.multioutput":  # their tags are of the one within
        return True
    try:
        tags = get_tags(estimator)
    except (AttributeError, TypeError):  # not every object with fit and predict has tags
        return False
    multi_label = tags.classifier_tags is None or tags.classifier_tags.multi_label
    return bool(tags.target_tags.multi_output and multi_label)


def label_probabilities(model: Any, X: Any, targets: int) -> np.ndarray | None:
    """Probability ``(n, k)`` that each of several labels is there; None where none are given."""
    if not hasattr(model, "predict_proba"):
        return None
    found = model.predict_proba(X)
    if isinstance(found, np.ndarray) and found.ndim == 2:
        return found.astype(np.float64)
    known = model.classes_
    return np.stack(
        [
            (own * (np.asarray(classes) == 1)).sum(axis=1)
            for own, classes in zip(found, known, strict=True)
        ],
        axis=1,
    ).reshape(-1, targets)


def seeded(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left open."""
    for name, value in estimator.get_params().items():
        if (name == "random_state" or name.endswith("__random_state")) and value is None:
            estimator.set_params(**{name: derive(seed, "estimator", name) % 2**31})
    return estimator


def _outcome(
    model: Any, X: Any, problem: Tables, rows: np.ndarray, part: Any, scored: bool = False
) -> Outcome:
    shape = problem.y[rows].shape
    if not problem.classes:
        return Outcome(0, part, np.asarray(model.predict(X), dtype=np.float32).reshape(shape))
    if problem.target_names:
        return _labels(model, X, problem.y[rows], part, scored)
    # Not every estimator predicts its most probable class; the records keep what it answers.
    predicted = np.asarray(model.predict(X)).astype(np.int64).ravel()
    count = len(problem.classes)
    if not hasattr(model, "predict_proba"):
        decides = scored and hasattr(model, "decision_function")
        scores = of_decisions(model, X, count) if decides else None
        return Outcome(0, part, predicted, scores=scores)
    probability = np.zeros((len(rows), count))
    probability[:, np.asarray(model.classes_).astype(np.int64)] = model.predict_proba(X)
    true = probability[np.arange(len(rows)), problem.y[rows]].astype(np.float16)
    return Outcome(0, part, predicted, true, of_probabilities(probability) if scored else None)


def _labels(model: Any, X: Any, y: np.ndarray, part: Any, scored: bool) -> Outcome:
    """What a model says of several labels; ``y (n, k)`` are the true ones."""
    predicted = np.asarray(model.predict(X)).astype(np.int64).reshape(y.shape)
    present = label_probabilities(model, X, y.shape[1])
    if present is None:
        decided = _label_decisions(model, X, y) if scored else None
        return Outcome(0, part, predicted, scores=decided)
    with np.errstate(divide="ignore"):
        scores = half(np.log(present) - np.log1p(-present)) if scored else None
    return Outcome(0, part, predicted, np.where(y == 1, present, 1 - present), scores)


def _label_decisions(model: Any, X: Any, y: np.ndarray) -> np.ndarray | None:
    """Decision values of several labels, shaped as they are; None where there are none."""
    each = getattr(model, "estimators_", [])
    if hasattr(model, "decision_function"):
        found = np.asarray(model.decision_function(X), np.float64)
    elif each and all(hasattr(own, "decision_function") for own in each):
        found = np.stack([own.decision_function(X) for own in each], axis=1)
    else:
        return None
    return half(found) if found.shape == y.shape else None
