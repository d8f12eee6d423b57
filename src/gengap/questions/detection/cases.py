"""One trained model after another, with what every detector makes of its inliers and strangers.

A case is a model that has not seen one environment, or not some classes. Detectors are fitted on
the model's outputs on its training examples. Inliers are held-out examples of what it knows: those
of the validation part set each detector's threshold, those of the test part show its false alarms.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector
from gengap.detectors.registry import DetectorInfo, detector_info
from gengap.environments.core import Environments
from gengap.environments.parts import TRAIN, VALIDATION
from gengap.models.outputs import Outputs
from gengap.questions.detection.strangers import HeldOutClasses
from gengap.statistics.separation.unit_tests import FALSE_ALARMS, threshold, unit_tests
from gengap.study.study import Study
from gengap.study.trained import Trained
from gengap.training.tables import Tables

Entries = Mapping[str, Sequence[Detector]]
NOBODY = -1  # what is left out where classes are


@dataclass(frozen=True, eq=False)
class Strangeness:
    """One detector's scores in a case.

    Attributes:
        known: ``(n,)`` of the inliers.
        strangers: ``(m,)`` of the strangers.
        tests: ``(t,)`` of the synthetic inputs, by test.
        limit: the threshold that flags 5% of new inliers, from the calibration examples; infinite
            where that is fewer than 19 examples.
        microseconds: time to score one inlier, the model's own not included.
    """

    known: np.ndarray
    strangers: np.ndarray
    tests: dict[str, np.ndarray]
    limit: float
    microseconds: float

    def flagged(self, scores: np.ndarray) -> float:
        """Share of scores above the threshold, NaN without one."""
        return float(np.mean(scores > self.limit)) if np.isfinite(self.limit) else np.nan


@dataclass(frozen=True, eq=False)
class Case:
    """A model, what it does not know, and how strange detectors find it.

    Attributes:
        left_out: code of the environment it has not seen, or ``NOBODY`` where classes are.
        seed: of its training.
        known: ``(n,)`` rows of the inliers, held out from training.
        known_environment: ``(n,)`` codes.
        calibration: ``(n,)`` mask of those that set the thresholds.
        correct: ``(n,)`` the model's score on each inlier, larger is better.
        strangers: ``(m,)`` rows of the strangers.
        stranger_class: ``(m,)`` names of their classes, empty in a case of an environment.
        unseen: ``(m,)`` the model's score on each stranger, NaN where its class is new.
        reference: ``(m,)`` the reference's score on it, NaN where that trained on it.
        clusters: codes ``(n,)`` of the inliers and ``(m,)`` of the strangers, the same of those
            that belong together; None where none do.
        strangeness: per detector one for each candidate of hyperparameters.
    """

    left_out: int
    seed: int
    known: np.ndarray
    known_environment: np.ndarray
    calibration: np.ndarray
    correct: np.ndarray
    strangers: np.ndarray
    stranger_class: np.ndarray
    unseen: np.ndarray
    reference: np.ndarray
    clusters: tuple[np.ndarray, np.ndarray] | None
    strangeness: dict[str, list[Strangeness]]


def unseen_cases(
    study: Study, models: Iterable[Trained], entries: Entries
) -> Iterator[tuple[list[Case], dict[str, str]]]:
    """For each model that lacks environments a case of each, with the detectors that failed.

    Args:
        study: of one model; environments are left out in turn, or several at once.
        models: its trained models, those of one seed after the other.
        entries: candidates of each detector; what is taken out meanwhile is not tried again.
    """
    problem = study.problem
    scores: dict[str, np.ndarray] = {}
    waiting: list[tuple[str, Trained, Case, dict[str, str]]] = []
    seed = None
    for trained in models:
        if trained.run.seed != seed:
            seed, scores = trained.run.seed, {}
        held = np.flatnonzero(held_rows(study, trained.run.seed))
        own = np.full(len(problem), np.nan)
        own[held] = trained.scores(trained.outputs(problem.matrix[held]), problem.y[held])
        scores[trained.cell.name] = own
        if trained.run.role == "unseen":
            strangers = np.flatnonzero(trained.cell.held_out)
            outputs = trained.outputs(problem.matrix[strangers])
            case, failed = _case(study, trained, outputs, entries)
            unseen = trained.scores(outputs, problem.y[strangers])
            whole = replace(case, strangers=strangers, unseen=unseen)
            waiting.append((trained.cell.reference, trained, whole, failed))
        # A model that serves as another's reference may come after it.
        ready = [item for item in waiting if item[0] in scores]
        waiting = [item for item in waiting if item[0] not in scores]
        for reference, lacking, whole, failed in ready:
            known = replace(whole, reference=scores[reference][whole.strangers])
            yield list(_by_environment(known, lacking, problem)), failed


def _by_environment(case: Case, trained: Trained, problem: Tables) -> Iterator[Case]:
    """A case of several environments left out at once as one of each."""
    codes = problem.environment[case.strangers]
    for name in trained.cell.unseen:
        code = problem.names.index(name)
        own = codes == code
        strangeness = {
            detector: [replace(one, strangers=one.strangers[own]) for one in found]
            for detector, found in case.strangeness.items()
        }
        yield replace(
            case,
            left_out=code,
            strangers=case.strangers[own],
            unseen=case.unseen[own],
            reference=case.reference[own],
            strangeness=strangeness,
        )


def class_case(
    study: Study, trained: Trained, held_out: HeldOutClasses, whole: Environments, entries: Entries
) -> tuple[Case, dict[str, str]]:
    """A case of a model that knows every environment but not some classes.

    Args:
        study: of the known classes; ``trained`` is its model.
        held_out: which classes are not known.
        whole: all examples.
        entries: candidates of each detector.
    """
    rows, X, clusters = held_out.stranger_rows, whole.X, whole.clusters
    strangers = X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]
    outputs = trained.outputs(study.problem.encode_alike(strangers))
    case, failed = _case(study, trained, outputs, entries)
    nothing = np.full(len(rows), np.nan)
    known = held_out.known_rows[case.known]
    return (
        replace(
            case,
            known=known,
            clusters=None if clusters is None else (clusters[known], clusters[rows]),
            strangers=rows,
            stranger_class=held_out.stranger_classes,
            unseen=nothing,
            reference=nothing,
        ),
        failed,
    )


def held_rows(study: Study, seed: int) -> np.ndarray:
    """Mask ``(n,)`` of the rows that no run of a seed trains on."""
    held: np.ndarray = study.plan.parts(seed) != TRAIN
    return held


def unfit(
    infos: Mapping[str, DetectorInfo], task: str | None, components: int = 1
) -> dict[str, str]:
    """Why detectors cannot apply to a target, of so many numbers, a sentence by name."""
    reasons = {name: info.why_not(task) for name, info in infos.items()}
    found = {name: f"{why}; the target is a {task}." for name, why in reasons.items() if why}
    if components > 1:
        found |= {
            name: f"{name} reads one value, and the target has {components}."
            for name, info in infos.items()
            if name not in found and {"logits", "labels"} & set(info.needs)
        }
    return found


def score_all(
    entries: Entries,
    fitting: Outputs,
    known: Outputs,
    strangers: Outputs,
    tests: Mapping[str, Outputs],
    calibration: np.ndarray,
    cluster: np.ndarray | None = None,
) -> tuple[dict[str, list[Strangeness]], dict[str, str]]:
    """Fit every detector and score everything; also returns why some could not be.

    ``calibration (n,)`` says which of the known examples set thresholds, ``cluster (n,)`` which
    belong together.
    """
    found: dict[str, list[Strangeness]] = {}
    failed: dict[str, str] = {}
    for name, detectors in entries.items():
        if lacking := detector_info(name).why_not(None, fitting):
            failed[name] = f"{lacking}."
            continue
        try:
            found[name] = [
                _score(detector, fitting, known, strangers, tests, calibration, cluster)
                for detector in detectors
            ]
        except UsageError as error:
            failed[name] = str(error)
    return found, failed


def _score(
    detector: Detector,
    fitting: Outputs,
    known: Outputs,
    strangers: Outputs,
    tests: Mapping[str, Outputs],
    calibration: np.ndarray,
    cluster: np.ndarray | None,
) -> Strangeness:
    fitted = detector.fit(fitting)

    def score(outputs: Outputs) -> np.ndarray:
        return np.asarray(detector.score(fitted, outputs).numpy(), dtype=np.float64)

    start = time.perf_counter()
    of_known = score(known)
    elapsed = time.perf_counter() - start
    return Strangeness(
        known=of_known,
        strangers=score(strangers),
        tests={test: score(made) for test, made in tests.items()},
        limit=threshold(
            of_known[calibration], FALSE_ALARMS, None if cluster is None else cluster[calibration]
        ),
        microseconds=1e6 * elapsed / max(len(known), 1),
    )


def _case(
    study: Study, trained: Trained, strangers: Outputs, entries: Entries
) -> tuple[Case, dict[str, str]]:
    """What does not depend on the kind of strangers; their rows and scores are still empty.

    The validation part sets the thresholds, the test part shows the false alarms.
    """
    problem, seed = study.problem, trained.run.seed
    rows, part = trained.train_rows, study.plan.parts(seed)
    known = np.flatnonzero((part != TRAIN) & trained.cell.rows)
    calibration = part[known] == VALIDATION
    of_known = trained.outputs(problem.matrix[known])
    tests = unit_tests(problem.matrix[rows], seed=seed)
    clusters = study.plan.clusters
    found, failed = score_all(
        entries,
        trained.outputs(problem.matrix[rows], problem.y[rows]),
        of_known,
        strangers,
        {name: trained.outputs(made) for name, made in tests.items()},
        calibration,
        None if clusters is None else clusters[known],
    )
    empty = np.array([])
    case = Case(
        left_out=NOBODY,
        seed=seed,
        known=known,
        known_environment=problem.environment[known],
        calibration=calibration,
        correct=trained.scores(of_known, problem.y[known]),
        strangers=empty,
        stranger_class=empty,
        unseen=empty,
        reference=empty,
        clusters=None,
        strangeness=found,
    )
    return case, failed
