"""Runs of scikit-learn estimators, with the same parts, preparation and records as networks."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.seeds import derive
from gengap.records.run import FinishedRun, Outcome
from gengap.training.class_scores import of_decisions, of_probabilities
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

    model = seeded(clone(estimator), task.run.seed)
    rows = task.train_rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(problem.inputs(task, rows, kind), problem.target(rows, model))


def seeded(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left open."""
    for name, value in estimator.get_params().items():
        if (name == "random_state" or name.endswith("__random_state")) and value is None:
            estimator.set_params(**{name: derive(seed, "estimator", name) % 2**31})
    return estimator


def _outcome(
    model: Any, X: Any, problem: Tables, rows: np.ndarray, part: Any, scored: bool = False
) -> Outcome:
    if not problem.classes:
        return Outcome(0, part, np.asarray(model.predict(X), dtype=np.float32).ravel())
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
