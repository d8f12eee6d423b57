"""What a trained model says of examples, as forecasters ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.environments.core import as_given
from gengap.models.networks import MLP, Network
from gengap.questions.forecasting.stability import Answer
from gengap.study.trained import Trained


class Outputs(NamedTuple):
    """What a model says of ``n`` examples.

    ``predicted (n,)`` class codes or values; ``probability (n, C)``, None for regression and for
    classifiers without; ``features (n, d)`` prepared inputs, or inputs of a network's last layer.
    """

    predicted: np.ndarray
    probability: np.ndarray | None
    features: np.ndarray


@dataclass(frozen=True)
class Examples:
    """Examples as the user gave them and as they are encoded, ``(n, ...)`` both."""

    raw: Any
    matrix: np.ndarray

    def rows(self, index: np.ndarray) -> Examples:
        """Some of them."""
        own = self.raw.iloc[index] if isinstance(self.raw, pd.DataFrame) else self.raw[index]
        return Examples(own, self.matrix[index])


@dataclass(frozen=True)
class Model:
    """A trained model that forecasters ask."""

    trained: Trained

    @property
    def answer(self) -> Answer | None:
        """Class codes ``(m,)`` from features ``(m, d)``, where the model can be asked so.

        The last layer of a multilayer perceptron, or an estimator's ``predict``; other modules do
        not show their last layer, and an estimator that takes raw examples takes more than numbers.
        """
        trained = self.trained
        if not trained.problem.classes or trained.takes_raw:
            return None
        if not isinstance(trained.model, Network):
            predict: Answer = trained.model.predict
            return predict
        made = trained.model.architecture
        if not isinstance(made, MLP):
            return None
        names = (f"{part}{len(made.widths)}" for part in ("weight", "bias"))
        w, b = (trained.model.parameters[name][0].cpu().numpy() for name in names)
        return lambda features: np.argmax(features @ w + b, axis=1)

    def outputs(self, examples: Examples) -> Outputs:
        """Predictions, probabilities and features of examples.

        Raises:
            UsageError: the network diverged.
        """
        if isinstance(self.trained.model, Network):
            return self._of_network(examples)
        trained, model = self.trained, self.trained.model
        flat = trained.prepared.inputs.apply(examples.matrix).reshape(len(examples.matrix), -1)
        inputs = as_given(examples.raw) if trained.takes_raw else flat
        predicted = np.asarray(model.predict(inputs)).ravel()
        if not trained.problem.classes:
            return Outputs(predicted.astype(np.float64), None, flat)
        return Outputs(predicted.astype(np.int64), trained.probabilities(inputs), flat)

    def _of_network(self, examples: Examples) -> Outputs:
        found = self.trained.outputs(examples.matrix)
        assert found.logits is not None
        assert found.features is not None
        logits, features = found.logits.numpy(), found.features.numpy()
        if not np.isfinite(logits).all():
            raise UsageError("The network diverged; train fewer steps or choose another model.")
        prepared = self.trained.prepared
        if not self.trained.problem.classes:
            values = logits[:, 0].astype(np.float64)
            return Outputs(values * prepared.scale + prepared.shift, None, features)
        exponent = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
        return Outputs(logits.argmax(1), exponent / exponent.sum(1, keepdims=True), features)
