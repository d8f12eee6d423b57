"""The models under the detectors: trained per environment left out, and what they make of inputs.

With environment ``e`` left out, a model trains on four fifths of every other environment; the
reference trains on as many examples of all of them (see
:mod:`gengap.questions.forecasting.examples`). Networks take equally many examples per step anyway;
for estimators the reference's rows are thinned.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.preparation import Preparation
from gengap.models.networks import MLP, architecture
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.questions.forecasting.models import EstimatorModel, NetworkModel, train_networks
from gengap.training.tasks import Task

LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model that shows what it makes of rows of the shared matrix.

    Attributes:
        left_out: code of the environment it has not seen, or ``NOBODY``.
        train_rows: rows it trained on.
        preparation: fitted on them.
        show: outputs of prepared inputs ``(n, ...)``, with labels for training examples.
        shift, scale: what turns an output of regression into a value.
    """

    left_out: int
    train_rows: np.ndarray
    preparation: Preparation
    show: Callable[[np.ndarray, np.ndarray | None], Outputs]
    shift: float
    scale: float

    def outputs(self, matrix: np.ndarray, y: np.ndarray | None = None) -> Outputs:
        """What it makes of rows ``(n, ...)`` of the matrix; ``y (n,)`` are their targets."""
        if y is not None and y.dtype.kind == "f":
            y = (y - self.shift) / self.scale
        return self.show(self.preparation.apply(matrix), y)

    def scores(self, outputs: Outputs, y: np.ndarray) -> np.ndarray:
        """Score per example, larger is better: 1 where the class is right, or minus the error."""
        assert outputs.logits is not None
        logits = outputs.logits.numpy().astype(np.float64)
        if y.dtype.kind == "f":
            return -np.abs(logits[:, 0] * self.scale + self.shift - y)
        return (logits.argmax(1) == y).astype(np.float64)


def resolved_model(model: Any, environments: Environments) -> Any:
    """An estimator or an architecture, from a name, an estimator or a factory of modules.

    Raises:
        UsageError: the model is unknown or does not fit the target.
    """
    from sklearn.pipeline import Pipeline

    from gengap.study.resolve import ESTIMATOR_PREFIX, resolve

    named = isinstance(model, str) and model.startswith(ESTIMATOR_PREFIX)
    if not (named or (hasattr(model, "fit") and not isinstance(model, str))):
        return architecture(model)
    entries, _ = resolve(
        [model], environments.task, len(environments.names), 1, plain_training=False
    )
    if isinstance(entries[0].estimator, Pipeline):
        raise UsageError(
            "A pipeline prepares inputs by itself, so detectors cannot see what its model sees; "
            "give the model alone."
        )
    return entries[0].estimator


def train(
    model: Any,
    examples: Examples,
    left_out: Sequence[int],
    seed: int,
    steps: int,
    progress: Callable[[float], None],
) -> Iterator[Trained]:
    """Train a model per environment left out; ``NOBODY`` among them trains the reference."""
    if not hasattr(model, "fit"):
        for k, network in train_networks(model, examples, left_out, seed, steps, progress):
            assert isinstance(network, NetworkModel)
            yield _trained(k, network.task, _network_shower(network))
        return
    from sklearn.base import clone

    from gengap.training.estimators import seeded

    for done, k in enumerate(left_out):
        progress(done / len(left_out))
        task = examples.task(k, seed)
        task = _thinned(task, seed) if k == NOBODY else task
        fitted = EstimatorModel(seeded(clone(model), seed), task, examples).fit()
        yield _trained(k, task, _estimator_shower(fitted))


def module_of(model: NetworkModel) -> nn.Module:
    """A trained network as a ``torch.nn.Module`` of its own, on the CPU, in evaluation mode."""
    own = {name: p[0].detach().cpu().clone() for name, p in model.network.parameters.items()}
    made: Any = model.network.architecture
    if isinstance(made, MLP):
        return _sequential(own, len(made.widths)).eval()
    module: nn.Module = copy.deepcopy(made._module).cpu()
    module.load_state_dict({**module.state_dict(), **own})
    return module.eval()


def _sequential(parameters: dict[str, torch.Tensor], hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for layer in range(hidden + 1):
        weight, bias = parameters[f"weight{layer}"], parameters[f"bias{layer}"]
        linear = nn.Linear(*weight.shape)
        linear.load_state_dict({"weight": weight.T, "bias": bias[0]})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _trained(k: int, task: Task, show: Callable[..., Outputs]) -> Trained:
    made = task.prepared
    return Trained(k, task.train_rows, made.inputs, show, made.shift, made.scale)


def _network_shower(model: NetworkModel) -> Callable[..., Outputs]:
    module = module_of(model)
    return lambda prepared, y=None: outputs_of(module, prepared, labels=y)


def _estimator_shower(model: EstimatorModel) -> Callable[..., Outputs]:
    """Logarithms of probabilities stand for logits, and prepared inputs for features."""
    estimator, task, classes = (
        model.estimator,
        model.task,
        len(model.examples.environments.classes),
    )

    def show(prepared: np.ndarray, y: np.ndarray | None = None) -> Outputs:
        flat = prepared.reshape(len(prepared), -1)
        if not classes:
            said = np.asarray(estimator.predict(flat), np.float64).reshape(-1, 1)
            logits = (said - task.prepared.shift) / task.prepared.scale
        else:
            logits = _log_probabilities(estimator, flat, classes)
        features = torch.from_numpy(np.ascontiguousarray(flat, np.float32))
        return Outputs(
            logits=torch.from_numpy(logits.astype(np.float32)),
            features=features,
            inputs=features,
            labels=None if y is None else torch.as_tensor(y),
        )

    return show


def _log_probabilities(estimator: Any, rows: np.ndarray, classes: int) -> np.ndarray:
    """``(n, C)``; a classifier without probabilities is sure of its answer."""
    known = np.asarray(estimator.classes_, dtype=np.int64)
    probability = np.zeros((len(rows), classes))
    if hasattr(estimator, "predict_proba"):
        probability[:, known] = estimator.predict_proba(rows)
    else:
        probability[np.arange(len(rows)), estimator.predict(rows)] = 1.0
    return np.log(np.maximum(probability, LEAST_PROBABILITY))


def _thinned(task: Task, seed: int) -> Task:
    """Leave out as many rows as the average environment has, evenly."""
    K = len(task.train)
    draw = generator(seed, "reference rows")
    train = tuple(
        np.sort(draw.permutation(rows)[: max(1, round(len(rows) * (K - 1) / K))])
        for rows in task.train
    )
    return replace(task, train=train)
