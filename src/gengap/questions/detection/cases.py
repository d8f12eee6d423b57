"""One trained model after another, with what every detector makes of its inliers and strangers.

A case is a model that has not seen one environment, or not some classes. Detectors are fitted on
the model's outputs on its training examples. Inliers are held-out examples of what it knows; half
of them set each detector's threshold, the other half show its false alarms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.base import Detector
from gengap.detectors.registry import DetectorInfo, detector_info
from gengap.models.outputs import Outputs
from gengap.questions.detection.models import Trained, train
from gengap.questions.detection.strangers import hold_out_classes
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.statistics.separation.unit_tests import FALSE_ALARMS, threshold, unit_tests

Entries = Mapping[str, Sequence[Detector]]
Tell = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Strangeness:
    """One detector's scores in a case.

    Attributes:
        known: ``(n,)`` of the inliers.
        strangers: ``(m,)`` of the strangers.
        tests: ``(t,)`` of the synthetic inputs, by test.
        limit: the threshold that flags 5% of new inliers, from the calibration half; infinite
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
        calibration: ``(n,)`` mask of the half that set the thresholds.
        correct: ``(n,)`` the model's score on each inlier, larger is better.
        strangers: ``(m,)`` rows of the strangers.
        stranger_class: ``(m,)`` names of their classes, empty in a case of an environment.
        unseen: ``(m,)`` the model's score on each stranger, NaN where its class is new.
        reference: ``(m,)`` the reference's score on it, NaN where that trained on it.
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
    strangeness: dict[str, list[Strangeness]]


@dataclass(frozen=True)
class Settings:
    """How to train and grade under one seed.

    Attributes:
        model: an estimator or an architecture.
        entries: candidates of each detector.
        seed: of the training.
        steps: training steps of a network.
        tell: called with the share of a training that is done.
    """

    model: object
    entries: Entries
    seed: int
    steps: int
    tell: Tell


def unseen_cases(examples: Examples, how: Settings) -> Iterator[tuple[Case, dict[str, str]]]:
    """A case per environment left out, with the detectors that failed and why."""
    e = examples.environments
    left_out = [NOBODY, *range(len(e.names))]
    reference = np.full(len(e), np.nan)
    for trained in train(how.model, examples, left_out, how.seed, how.steps, how.tell):
        if trained.left_out == NOBODY:
            held = np.flatnonzero(examples.held(how.seed))
            reference[held] = trained.scores(_outputs(trained, examples, held), e.y[held])
            continue
        strangers = np.flatnonzero(e.environment == trained.left_out)
        outputs = _outputs(trained, examples, strangers)
        case, failed = _case(trained, examples, outputs, how)
        yield (
            replace(
                case,
                strangers=strangers,
                unseen=trained.scores(outputs, e.y[strangers]),
                reference=reference[strangers],
            ),
            failed,
        )


def class_cases(
    examples: Examples, groups: Sequence[Sequence[str]], how: Settings
) -> Iterator[tuple[Case, dict[str, str]]]:
    """A case per group of classes, of a model that knows every environment but not these.

    A group without which too little is left to train on has no case.
    """
    e, matrix = examples.environments, examples.encoded.matrix
    for group in groups:
        try:
            held_out = hold_out_classes(e, group)
        except UsageError:
            continue
        rows = held_out.known_rows
        encoded = replace(examples.encoded, matrix=matrix[rows])
        known = Examples(held_out.known, encoded, held_out.known.X)
        (trained,) = train(how.model, known, [NOBODY], how.seed, how.steps, how.tell)
        outputs = trained.outputs(matrix[held_out.stranger_rows])
        case, failed = _case(trained, known, outputs, how)
        nothing = np.full(len(held_out.stranger_rows), np.nan)
        yield (
            replace(
                case,
                known=rows[case.known],
                strangers=held_out.stranger_rows,
                stranger_class=held_out.stranger_classes,
                unseen=nothing,
                reference=nothing,
            ),
            failed,
        )


def wrong_task(info: DetectorInfo, task: str) -> str | None:
    """Say in a sentence why a detector cannot apply to a target, or return None when it can."""
    if task in info.tasks:
        return None
    return f"{info.name} applies to {' and '.join(info.tasks)} only; the target is a {task}."


def missing(info: DetectorInfo, outputs: Outputs) -> str | None:
    """Say in a sentence what of a model's outputs a detector lacks, or return None."""
    for need in info.needs:
        there = getattr(outputs, need, None)
        if there is None or (isinstance(there, tuple) and not there):
            return f"{info.name} needs the model's {need}, which this model does not show."
    return None


def score_all(
    entries: Entries,
    fitting: Outputs,
    known: Outputs,
    strangers: Outputs,
    tests: Mapping[str, Outputs],
    calibration: np.ndarray,
) -> tuple[dict[str, list[Strangeness]], dict[str, str]]:
    """Fit every detector and score everything; also returns why some could not be."""
    found: dict[str, list[Strangeness]] = {}
    failed: dict[str, str] = {}
    for name, detectors in entries.items():
        if lacking := missing(detector_info(name), fitting):
            failed[name] = lacking
            continue
        try:
            found[name] = [
                _score(detector, fitting, known, strangers, tests, calibration)
                for detector in detectors
            ]
        except UsageError as error:
            failed[name] = str(error)
    return found, failed


def calibration_half(size: int, seed: int) -> np.ndarray:
    """Mask ``(n,)`` of a random half."""
    mask = np.zeros(size, bool)
    mask[generator(seed, "detector calibration").permutation(size)[: -(-size // 2)]] = True
    return mask


def _score(
    detector: Detector,
    fitting: Outputs,
    known: Outputs,
    strangers: Outputs,
    tests: Mapping[str, Outputs],
    calibration: np.ndarray,
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
        limit=threshold(of_known[calibration], FALSE_ALARMS),
        microseconds=1e6 * elapsed / max(len(known), 1),
    )


def _case(
    trained: Trained, examples: Examples, strangers: Outputs, how: Settings
) -> tuple[Case, dict[str, str]]:
    """What does not depend on the kind of strangers; their rows and scores are still empty."""
    e, matrix = examples.environments, examples.encoded.matrix
    rows = trained.train_rows
    known = examples.validation(trained.left_out, how.seed)
    calibration = calibration_half(len(known), how.seed)
    of_known = _outputs(trained, examples, known)
    tests = unit_tests(matrix[rows], seed=how.seed)
    found, failed = score_all(
        how.entries,
        trained.outputs(matrix[rows], e.y[rows]),
        of_known,
        strangers,
        {name: trained.outputs(made) for name, made in tests.items()},
        calibration,
    )
    empty = np.array([])
    case = Case(
        left_out=trained.left_out,
        seed=how.seed,
        known=known,
        known_environment=e.environment[known],
        calibration=calibration,
        correct=trained.scores(of_known, e.y[known]),
        strangers=empty,
        stranger_class=empty,
        unseen=empty,
        reference=empty,
        strangeness=found,
    )
    return case, failed


def _outputs(trained: Trained, examples: Examples, rows: np.ndarray) -> Outputs:
    return trained.outputs(examples.encoded.matrix[rows])
