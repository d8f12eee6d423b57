"""Trains the models whose scores are forecast, and asks them about examples, labelled or not.

The networks of one seed train as one fleet. Estimators get the prepared matrix (numbers,
standardised on the training rows), except pipelines, which bring their own preparation and get the
examples as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch

from gengap.base.errors import UsageError
from gengap.models.networks import MLP, Network
from gengap.questions.forecasting.examples import Examples
from gengap.questions.forecasting.stability import Answer
from gengap.training.tasks import Task

ROWS_AT_ONCE = 4096
BATCH = 32  # examples per environment and step
MEMORY = 1 << 30  # bytes that one fleet may use


class Outputs(NamedTuple):
    """What a model says of ``n`` examples.

    ``predicted (n,)`` class codes or values; ``probability (n, C)``, None for regression and for
    classifiers without; ``features (n, d)`` prepared inputs, or inputs of a network's last layer.
    """

    predicted: np.ndarray
    probability: np.ndarray | None
    features: np.ndarray


class Model(Protocol):
    """A trained model; ``answer`` gives class codes from features, where it can be asked so."""

    def outputs(self, rows: np.ndarray) -> Outputs:
        """What it says of rows of the matrix."""
        ...

    @property
    def answer(self) -> Answer | None:
        """Class codes ``(m,)`` from features ``(m, d)``."""
        ...


@dataclass(frozen=True)
class EstimatorModel:
    """A fitted scikit-learn estimator."""

    estimator: Any
    task: Task
    examples: Examples

    @property
    def takes_examples(self) -> bool:
        """Whether it gets the examples as they are."""
        from sklearn.pipeline import Pipeline

        return isinstance(self.estimator, Pipeline)

    @property
    def answer(self) -> Answer | None:
        """The estimator's ``predict``, unless it takes more than numbers."""
        classify = bool(self.examples.environments.classes)
        return self.estimator.predict if classify and not self.takes_examples else None

    def fit(self) -> EstimatorModel:
        """Fit in place on the task's training rows; returns itself."""
        rows = self.task.train_rows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.estimator.fit(self._inputs(rows), self.examples.environments.y[rows])
            except (ValueError, TypeError) as error:
                reason = str(error).strip().splitlines()[0].rstrip(".")
                raise UsageError(
                    f"{type(self.estimator).__name__} cannot be fitted ({reason}); choose another "
                    "model."
                ) from None
        return self

    def outputs(self, rows: np.ndarray) -> Outputs:
        """Predictions, probabilities and prepared inputs."""
        inputs, classes = self._inputs(rows), len(self.examples.environments.classes)
        predicted = np.asarray(self.estimator.predict(inputs)).ravel()
        if not classes:
            return Outputs(predicted.astype(np.float64), None, self._prepared(rows))
        probability = None
        if hasattr(self.estimator, "predict_proba"):
            known = np.asarray(self.estimator.classes_, dtype=np.int64)
            probability = np.zeros((len(rows), classes))
            probability[:, known] = self.estimator.predict_proba(inputs)
        return Outputs(predicted.astype(np.int64), probability, self._prepared(rows))

    def _inputs(self, rows: np.ndarray) -> Any:
        if not self.takes_examples:
            return self._prepared(rows)
        raw = self.examples.raw
        return raw.iloc[rows] if isinstance(raw, pd.DataFrame) else raw[rows]

    def _prepared(self, rows: np.ndarray) -> np.ndarray:
        matrix = self.examples.encoded.matrix[rows]
        return self.task.prepared.inputs.apply(matrix).reshape(len(rows), -1)


@dataclass(frozen=True)
class NetworkModel:
    """One trained network of a fleet."""

    network: Network
    task: Task
    examples: Examples

    @property
    def answer(self) -> Answer | None:
        """The last layer of a multilayer perceptron; other modules do not show theirs."""
        made = self.network.architecture
        if not isinstance(made, MLP) or not self.examples.environments.classes:
            return None
        last = len(made.widths)
        weight, bias = (self.network.parameters[f"{p}{last}"][0] for p in ("weight", "bias"))
        w, b = weight.cpu().numpy(), bias.cpu().numpy()
        return lambda features: np.argmax(features @ w + b, axis=1)

    def outputs(self, rows: np.ndarray) -> Outputs:
        """Predictions, probabilities and the inputs of the last layer."""
        blocks = [rows[k : k + ROWS_AT_ONCE] for k in range(0, len(rows), ROWS_AT_ONCE)]
        pieces = [self._evaluate(block) for block in blocks]
        features = np.concatenate([f for f, _ in pieces])
        logits = np.concatenate([z for _, z in pieces])
        if not np.isfinite(logits).all():
            raise UsageError("The network diverged; train fewer steps or choose another model.")
        if not self.examples.environments.classes:
            made = self.task.prepared
            values = logits[:, 0].astype(np.float64) * made.scale + made.shift
            return Outputs(values, None, features)
        exponent = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
        return Outputs(logits.argmax(1), exponent / exponent.sum(1, keepdims=True), features)

    @torch.no_grad()
    def _evaluate(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = self.task.prepared.inputs.apply(self.examples.encoded.matrix[rows])
        where = next(iter(self.network.parameters.values())).device
        self.network.architecture.train(False)
        output = self.network(torch.from_numpy(x[None]).to(where))
        return output.features[0].cpu().numpy(), output.logits[0].cpu().numpy()


def train_estimators(
    estimator: Any, examples: Examples, left_out: Sequence[int], seed: int
) -> Iterator[tuple[int, Model]]:
    """Fit a clone per environment left out."""
    from sklearn.base import clone

    from gengap.training.estimators import seeded

    for k in left_out:
        own = seeded(clone(estimator), seed)
        yield k, EstimatorModel(own, examples.task(k, seed), examples).fit()


def train_networks(
    architecture: Any,
    examples: Examples,
    left_out: Sequence[int],
    seed: int,
    steps: int,
    progress: Callable[[float], None],
) -> Iterator[tuple[int, Model]]:
    """Train a network per environment left out by plain training, together where that pays."""
    from gengap.methods.erm import ERM
    from gengap.study.execution import device
    from gengap.training.chunks import footprint
    from gengap.training.train import train_fleet

    e = examples.environments
    data = examples.tables
    architecture.initialise(data.shape, data.outputs, 0)  # its layers decide what may share
    slots = len(e.names) - 1
    fits = footprint(data, architecture, steps=steps, batch=BATCH, slots=slots, passes=1)
    size = min(len(left_out), fits.runs_at_once(MEMORY)) if architecture.vectorises else 1
    for start in range(0, len(left_out), size):
        chunk = left_out[start : start + size]
        tasks = [examples.task(k, seed, architecture.name) for k in chunk]

        def tell(share: float, start: int = start) -> None:
            progress((start + share * size) / len(left_out))

        kept: list[Network] = []
        train_fleet(
            data,
            tasks,
            [ERM()] * len(tasks),
            architecture,
            steps=steps,
            batch=BATCH,
            slots=slots,
            checkpoints=(),
            device=device("auto"),
            progress=tell,
            keep=kept.append,
        )
        for place, (k, task) in enumerate(zip(chunk, tasks, strict=True)):
            own = {name: p[place : place + 1].detach() for name, p in kept[0].parameters.items()}
            yield k, NetworkModel(kept[0].at(own), task, examples)
