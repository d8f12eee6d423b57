"""Trains one small network for a detector and keeps all that scoring needs.

The loss is a training-time method (see :mod:`gengap.methods.base`), so it is trained by the fleet,
with the same preparation of inputs, batches, optimiser and seeds as the networks of a study. What
the method makes of an input, a function from the network to
:class:`~gengap.models.outputs.Outputs`, is then handed to a post-hoc detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector, Fitted
from gengap.environments.core import Environments
from gengap.environments.preparation import Encoded, Preparation
from gengap.methods.base import Method
from gengap.models.networks import Network, architecture
from gengap.models.outputs import Outputs
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task
from gengap.training.train import train_fleet

Read = Callable[[Network, Tensor], Outputs]

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: its model in words, steps, and examples per step."""

    model: str = "mlp(128,128)"
    steps: int = 300
    batch: int = 64

    def __post_init__(self) -> None:
        """Refuse to train on nothing."""
        if self.steps < 1 or self.batch < 2:
            raise UsageError(
                f"Training needs at least 1 step of 2 examples, not {self.steps} of {self.batch}."
            )


SCHEDULE = Schedule()


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A network that was trained for a detector, and the detector fitted to it.

    Attributes:
        network: one run's parameters, ``(1, ...)`` each, the method's own among them.
        preparation: standardises the inputs, fitted on the training examples.
        classes: ``(C,)`` labels in the order of the logits.
        read: what the method makes of prepared inputs ``(n, ...)``.
        detector, fitted: the post-hoc detector and what it learned.
    """

    network: Network
    preparation: Preparation
    classes: np.ndarray
    read: Read
    detector: Detector
    fitted: Fitted

    @torch.no_grad()
    def outputs(self, X: ArrayLike, y: ArrayLike | None = None) -> Outputs:
        """Logits and features of examples ``(n, ...)``, with labels ``(n,)`` where given.

        Raises:
            UsageError: examples of another shape, not finite, or labels not seen in training.
        """
        x = self.prepared(X)
        parts = [self.read(self.network, rows) for rows in x.split(ROWS_AT_ONCE)]
        labels = None if y is None else torch.from_numpy(self.codes(y, len(x)))
        return Outputs(
            logits=torch.cat([p.logits for p in parts if p.logits is not None]),
            features=torch.cat([p.features for p in parts if p.features is not None]),
            labels=labels,
        )

    def score(self, X: ArrayLike) -> Tensor:
        """Strangeness ``(n,)`` float32 of examples ``(n, ...)``; larger is stranger."""
        return self.detector.score(self.fitted, self.outputs(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class ``(n,)`` with the largest logit."""
        logits = self.outputs(X).logits
        assert logits is not None
        return self.classes[logits.argmax(1).numpy()]

    def prepared(self, X: ArrayLike) -> Tensor:
        """Standardised inputs ``(n, ...)``, as the network was trained on."""
        matrix = numbers(X)
        if matrix.shape[1:] != self.network.shape:
            raise UsageError(
                f"The network was trained on examples of shape {self.network.shape}; these have "
                f"{matrix.shape[1:]}."
            )
        return torch.from_numpy(self.preparation.apply(matrix))

    def codes(self, y: ArrayLike, count: int) -> np.ndarray:
        """Labels as positions in ``classes``, ``(count,)`` int64."""
        labels = np.asarray(y)
        if labels.shape != (count,):
            raise UsageError(f"Give one label per example: {count} examples, {labels.shape}.")
        places = np.searchsorted(self.classes, labels).clip(max=len(self.classes) - 1)
        if (unknown := self.classes[places] != labels).any():
            raise UsageError(
                f"The label {labels[unknown][0]} was not among the training examples; leave "
                "those rows out."
            )
        return places.astype(np.int64)


def train_detector(
    method: Method,
    read: Read,
    detector: Detector,
    X: ArrayLike,
    y: ArrayLike,
    *,
    schedule: Schedule = SCHEDULE,
    seed: int = 0,
) -> TrainedDetector:
    """Train a network by ``method`` and fit ``detector`` to what ``read`` makes of it.

    Args:
        X: ``(n, ...)`` finite numbers.
        y: ``(n,)`` labels of at least two classes.

    Raises:
        UsageError: examples or labels that cannot be trained on.
    """
    matrix, labels = numbers(X), np.asarray(y)
    if labels.shape != (len(matrix),):
        raise UsageError(f"Give one label per example: {len(matrix)} examples, {labels.shape}.")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UsageError(f"Training needs examples of at least 2 classes; it got {len(classes)}.")
    rows = np.arange(len(matrix))
    names = tuple(map(str, classes))
    environments = Environments(matrix, codes, np.zeros(len(rows), np.int64), ("all",), names)
    problem = Tables.of(environments, Encoded(matrix))
    run = Run("", type(method).__name__.lower(), {}, "", "unseen", "all", ("all",), (), seed)
    task = Task(run, (rows,), problem.prepare(rows))
    network = _network(method, problem, task, schedule)
    trained = TrainedDetector(network, task.prepared.inputs, classes, read, detector, {})
    return fitted_anew(trained, matrix, labels)


def fitted_anew(trained: TrainedDetector, X: ArrayLike, y: ArrayLike) -> TrainedDetector:
    """The same network with its detector fitted to these training examples."""
    return replace(trained, fitted=trained.detector.fit(trained.outputs(X, y)))


def plain_outputs(network: Network, x: Tensor) -> Outputs:
    """Logits ``(n, C)`` and features ``(n, d)`` of the network itself."""
    features, logits = network(x[None])
    return Outputs(logits=logits[0], features=features[0])


def numbers(X: ArrayLike) -> np.ndarray:
    """Examples ``(n, ...)`` as float32, or a usage error."""
    try:
        matrix = np.asarray(X, dtype=np.float32)
    except (TypeError, ValueError):
        raise UsageError("The examples must be numbers; encode the other columns first.") from None
    if matrix.ndim < 2 or not len(matrix):
        raise UsageError(f"The examples must be a table with a row each, not {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise UsageError("The examples hold NaN or infinity; leave those rows out.")
    return matrix


def _network(method: Method, problem: Tables, task: Task, schedule: Schedule) -> Network:
    kept: list[Network] = []
    train_fleet(
        problem,
        [task],
        [method],
        architecture(schedule.model),
        steps=schedule.steps,
        batch=schedule.batch,
        slots=1,
        checkpoints=(),
        keep=kept.append,
    )
    own = {name: p[:1].detach().clone() for name, p in kept[0].parameters.items()}
    return kept[0].at(own)
