"""What crosses the waist between training and statistics: runs and their outcomes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gengap.base.errors import UsageError

Role = Literal["unseen", "reference", "inner", "sized"]
Part = Literal["validation", "test", "train", "crafted", "returned", "strangeness"]
# Parts that are no example set: what each is of stands with :class:`Outcome`.
OF_RUNS = ("train", "crafted", "returned", "strangeness")


@dataclass(frozen=True)
class Run:
    """One training, described by everything that determines its result.

    Attributes:
        problem: fingerprint of the data and its environments.
        method: registry name, e.g. ``"irm"`` or ``"sklearn:Ridge"``.
        hyperparameters: every hyperparameter of the method, JSON values only.
        model: the architecture in words, e.g. ``"mlp(128,128)"``; empty for scikit-learn methods.
        role: ``"unseen"`` trains on some environments and is scored on others it never saw;
            ``"reference"`` trains on as many examples drawn from all of them; ``"inner"`` is an
            ``unseen`` run with one training environment left out, for model selection; ``"sized"``
            trains on a set of another size (:mod:`gengap.study.sizes`).
        split: the split's name, unique within a study.
        train_environments: names of the environments trained on.
        unseen_environments: names of the environments that the split holds out.
        left_out: for ``inner`` runs the training environment left out, else empty.
        seed: decides the train, validation and test parts, initial weights and batches.
        trial: 0 for the default hyperparameters, 1, 2, ... for random draws.
        settings: what else decides the result: steps, batch size, checkpoints, training size.
    """

    problem: str
    method: str
    hyperparameters: Mapping[str, Any]
    model: str
    role: Role
    split: str
    train_environments: tuple[str, ...]
    unseen_environments: tuple[str, ...]
    seed: int
    left_out: str = ""
    trial: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that determines the run; the trial's number does not.

        Raises:
            UsageError: if a hyperparameter or setting is not a JSON value.
        """
        names = [entry.name for entry in fields(self) if entry.name != "trial"]
        content = {name: plain(getattr(self, name), name) for name in names}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """Predictions of a run at one checkpoint on one part, in the order of its example set.

    Attributes:
        step: training steps taken.
        part: ``"validation"`` or ``"test"``, which cover every environment of the problem; or
            ``"train"``, the rows that the run was trained on, where curves are asked for;
            ``"crafted"``, the validation part with each input changed
            (:mod:`gengap.training.crafted`), where that selects; of what
            adapts, ``"returned"``, those of the test part that are of what was trained on, asked
            again after the stream, and ``"strangeness"``, of a stream with strangers.
        predicted: ``(n,)`` class codes (integers), predicted values (float32), or the score of
            each unit (float32) where the problem gives one; of several targets ``(n, k)``. Of
            strangeness a row for each input that came: 0, or 1 and 2 of near and far strangers;
            the environment it came in; its strangeness to what adapts, and to the model alone.
        true_probability: float16 probability given to the true class, shaped alike; None for
            regression and for classifiers without probabilities.
        scores: float16 ``(n, 1)`` of two classes, how much more the second is expected than the
            first, and ``(n, C)`` of more, one for each: log-odds and logarithms of probabilities
            where there are any, else what decides between classes. Of several targets, which have
            two classes each, ``(n, k)``. None unless asked for.
    """

    step: int
    part: Part
    predicted: np.ndarray
    true_probability: np.ndarray | None = None
    scores: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> Outcome:
        """The predictions of some of the examples (indices or mask)."""
        found = [None if v is None else v[rows] for v in (self.true_probability, self.scores)]
        return Outcome(self.step, self.part, self.predicted[rows], *found)

    def one_target(self, number: int) -> Outcome:
        """The predictions of one of several targets, by its position."""
        true, scores = self.true_probability, self.scores
        return Outcome(
            self.step,
            self.part,
            self.predicted[:, number],
            None if true is None else true[:, number],
            None if scores is None else scores[:, number : number + 1],
        )


@dataclass(frozen=True)
class KeptModel:
    """A trained model as bytes: ``format`` is ``"safetensors"`` or ``"skops"``; never a pickle."""

    step: int
    format: str
    content: bytes


@dataclass(frozen=True)
class FinishedRun:
    """A run with its outcomes and what it cost.

    ``passes`` counts forward-backward passes over one batch; ``examples`` the training examples
    drawn; ``seconds`` the run's share of its fleet's wall-clock time; ``models`` the trained models
    to keep, one per checkpoint; ``curves`` what else was noted at the checkpoints, by name.
    """

    run: Run
    outcomes: tuple[Outcome, ...]
    seconds: float
    passes: float
    examples: int
    versions: Mapping[str, str] = field(default_factory=dict)
    models: tuple[KeptModel, ...] = ()
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class ExampleSet:
    """The examples of one part under one seed, ordered by environment, then by position.

    Attributes:
        example: ``(n,)`` int32 row numbers in the problem's data.
        environment: ``(n,)`` int16 environment codes.
        target: ``(n,)`` true class codes or values; of several targets ``(n, k)``.
        cluster: ``(n,)`` codes of the examples that belong together; not stored.
    """

    example: np.ndarray
    environment: np.ndarray
    target: np.ndarray
    cluster: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> ExampleSet:
        """Some of the examples (indices or mask)."""
        cluster = None if self.cluster is None else self.cluster[rows]
        return ExampleSet(self.example[rows], self.environment[rows], self.target[rows], cluster)

    def one_target(self, number: int) -> ExampleSet:
        """The same examples with only one of several targets, by its position."""
        return replace(self, target=self.target[:, number])


@dataclass(frozen=True)
class Problem:
    """What the records must know of the data to be read without it.

    ``kind`` is what one environment is called, e.g. ``"hospital"``; ``targets`` are the variances
    of several targets by their names, in order, and empty for one.
    """

    fingerprint: str
    name: str
    task: Literal["classification", "regression", "score", "ordinal", "survival"]
    environments: tuple[str, ...]
    classes: tuple[str, ...]
    examples: int
    target_variance: float
    kind: str = "environment"
    targets: Mapping[str, float] = field(default_factory=dict)

    def one_target(self, number: int) -> Problem:
        """The problem with only one of several targets, by its position."""
        variance = list(self.targets.values())[number]
        return replace(self, target_variance=variance, targets={})


def plain(value: Any, name: str) -> Any:
    """Return a value as JSON would give it back: mappings as dicts, sequences as lists.

    Numpy scalars and arrays become Python numbers and lists, so that equal runs have equal keys.

    Args:
        value: what to convert.
        name: where the value stands, for the error's sentence.

    Raises:
        UsageError: for a number that is not finite and for anything JSON cannot hold.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner, f"{name}.{key}") for key, inner in value.items()}
    if isinstance(value, tuple | list):
        if all(type(inner) is str for inner in value):  # names of environments, perhaps hundreds
            return list(value)
        return [plain(inner, f"{name}[{place}]") for place, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(
            f"{name} of a run is {value}; give a finite number, or None for 'no limit'."
        )
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(
        f"{name} of a run is of type {type(value).__name__}, which a record cannot hold; "
        "give numbers, text, None, or lists and mappings of them."
    )
