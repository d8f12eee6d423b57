"""Reads a fitted scikit-learn estimator.

Logits are the decision function if it has a column per class, else log-probabilities; of two
classes the one decision value ``z`` becomes the logits ``(-z/2, z/2)``, whose softmax is the
sigmoid of ``z``. A linear model is a head on the inputs of the pipeline's last step. Any other
model shows no features of its own, so its inputs stand for them, joined by the probabilities of
the classes, which carry what it learnt. Categories in these inputs become indicators.

A model of several labels, any number of which an example may have, gives one logit for each, its
logarithm of the odds. One of several targets of another kind gives no logits; the probabilities of
all their classes join the features.

These features come in the columns' own units; :class:`Scale` brings them to one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError, first_line, listing
from gengap.models.columns import Columns
from gengap.models.outputs import Head, Outputs

PROBE = 1000  # examples on which predictions are compared with the largest logits
LEAST = 1e-6  # probabilities below count as this
LARGEST = 1e30  # larger values are cut
Several = Literal["", "labels", "targets"]


@dataclass(frozen=True)
class EstimatorReader:
    """How an estimator is read.

    Attributes:
        model: the fitted estimator.
        classes: its classes in the order of the logits, or None for a regressor.
        linear: whether its logits are a linear layer's of the inputs of its last step.
        by_logits: whether it predicts the class of the largest logit. Some do not, e.g. support
            vector machines, which vote; they are asked, and so are regressors.
        columns: of what the last step is given, where that is a table of more than numbers.
        several: whether it answers with several "labels" of 0 and 1, or other "targets", or "".
    """

    model: Any
    classes: np.ndarray | None
    linear: bool
    by_logits: bool
    columns: Columns | None = None
    several: Several = ""

    @property
    def plan(self) -> dict[str, Any]:
        """All but the model, as JSON values."""
        columns = None if self.columns is None else asdict(self.columns)
        told = {"linear": self.linear, "by_logits": self.by_logits, "several": self.several}
        return {**told, "columns": columns}

    def read(
        self, X: Any, *, batch: int = 1024, labels: Any = None, hidden: bool = True
    ) -> Outputs:
        """Outputs on examples; see :func:`gengap.models.reading.outputs_of`."""
        parts = [self._batch(X[k : k + batch]) for k in range(0, max(_count(X), 1), batch)]
        inputs = _joined([rows for rows, _ in parts])
        logits = _joined([rows for _, rows in parts])
        if self.several:
            return self._of_several(inputs, logits)
        codes = None if labels is None else self.codes(labels)
        head = self._head if self.linear else None
        features = inputs
        if head is None and inputs is not None and logits is not None and self.classes is not None:
            features = torch.cat([inputs, logits.softmax(1)], 1)
        return Outputs(logits, features, inputs=inputs, labels=codes, head=head)

    def predict(self, outputs: Outputs, X: Any) -> np.ndarray:
        """Predicted classes or values ``(n,)``; of several labels or targets ``(n, L)``."""
        if self.by_logits and outputs.logits is not None:
            assert self.classes is not None
            return self.classes[outputs.logits.numpy().argmax(1)]
        said = _array(_asked(self.model.predict, X))
        if self.several:
            return said.reshape(len(said), -1)
        return said[:, 0] if said.ndim == 2 and said.shape[1] == 1 else said

    def codes(self, labels: Any) -> Tensor:
        """Labels as numbers of classes, or values as they are."""
        values = np.asarray(labels)
        if self.classes is None:
            return torch.from_numpy(values.astype(np.float32))
        unknown = sorted(set(values.tolist()) - set(self.classes.tolist()), key=str)
        if unknown:
            raise UsageError(
                f"The label {unknown[0]!r} is not among the model's classes "
                f"({listing(self.classes)}); give the labels it was trained on."
            )
        return torch.from_numpy(np.searchsorted(self.classes, values))

    def _batch(self, X: Any) -> tuple[Tensor | None, Tensor | None]:
        given = _asked(_transformed, self.model, X)
        inputs = _dense(given) if self.columns is None else _tensor(self.columns.encoded(given))
        logits = {"": _logits, "labels": _log_odds, "targets": _shares}[self.several]
        return inputs, _asked(logits, _last(self.model), given)

    def _of_several(self, inputs: Tensor | None, said: Tensor | None) -> Outputs:
        """Outputs of a model of several labels or targets, from its logits or shares."""
        labels = self.several == "labels" and said is not None
        shares = said.sigmoid() if labels and said is not None else said
        shown = [rows for rows in (inputs, shares) if rows is not None]
        features = torch.cat(shown, 1) if inputs is not None else None
        return Outputs(said if labels else None, features, inputs=inputs)

    @cached_property
    def _head(self) -> Head | None:
        """The linear layer of a linear model, whether or not its logits are made by it."""
        last = _last(self.model)
        try:
            weight, bias = np.atleast_2d(_array(last.coef_)), np.ravel(_array(last.intercept_))
        except AttributeError:
            return None
        if len(bias) not in (1, len(weight)):
            return None
        bias = np.broadcast_to(bias, len(weight))
        if self.classes is not None and len(weight) == 1:
            weight, bias = (np.concatenate([-part / 2, part / 2]) for part in (weight, bias))
        return Head(*(torch.from_numpy(part.astype(np.float32)) for part in (weight, bias)))

    def makes(self, outputs: Outputs) -> bool:
        """Whether the linear layer makes these logits from these inputs, up to rounding."""
        head, inputs, logits = self._head, outputs.inputs, outputs.logits
        if head is None or inputs is None or logits is None:
            return False
        if head.weight.shape != (logits.shape[1], inputs.shape[1]):
            return False
        size = (inputs.abs() @ head.weight.abs().T).amax() + head.bias.abs().amax()
        return bool((head(inputs) - logits).abs().amax() <= 1e-5 * size + 1e-6)


def estimator_reader(model: Any, X: Any) -> EstimatorReader:
    """Check that an estimator is fitted, and how it predicts.

    Raises:
        UsageError: the model is no scikit-learn estimator, no classifier or regressor, or unfitted.
    """
    from sklearn.base import BaseEstimator, is_classifier, is_regressor
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = type(model).__name__
    if not isinstance(model, BaseEstimator):
        raise UsageError(
            f"{name} is neither a torch.nn.Module nor a scikit-learn estimator; wrap it in one."
        )
    if not is_classifier(model) and not is_regressor(model):
        raise UsageError(f"{name} is neither a classifier nor a regressor; give one of these.")
    try:
        check_is_fitted(_last(model))
    except (NotFittedError, AttributeError):
        raise UsageError(f"{name} is not fitted; call its fit(X, y) first.") from None
    several = _several(model, X[:PROBE])
    classes = np.asarray(model.classes_) if is_classifier(model) and not several else None
    given = _asked(_transformed, model, X)
    columns = Columns.of(given) if _dense(given) is None else None
    reader = EstimatorReader(model, classes, False, False, columns, several)
    if several:
        return reader
    outputs = reader.read(X[:PROBE])
    by_logits = False
    if classes is not None and outputs.logits is not None:
        largest = replace(reader, by_logits=True).predict(outputs, X[:PROBE])
        by_logits = np.array_equal(largest, reader.predict(outputs, X[:PROBE]))
    return replace(reader, linear=reader.makes(outputs), by_logits=by_logits)


@dataclass(frozen=True)
class Scale:
    """Mean ``(d,)`` and spread ``(d,)`` of features; missing values count as the mean."""

    mean: Tensor
    spread: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Scale:
        """The scale of the features ``(n, d)`` of training examples."""
        values = features.double()
        mean = values.nanmean(0).nan_to_num()
        spread = (values - mean).square().nanmean(0).nan_to_num().sqrt()
        return cls(mean.float(), torch.where(spread > 0, spread, 1.0).float())

    def apply(self, outputs: Outputs) -> Outputs:
        """The same outputs with features of mean 0 and spread 1, and a head that takes them."""
        if outputs.features is None:
            return outputs
        features = ((outputs.features - self.mean) / self.spread).nan_to_num()
        head = outputs.head
        if head is not None:
            head = Head(head.weight * self.spread, head.bias + head.weight @ self.mean)
        return replace(outputs, features=features, head=head)


def _last(model: Any) -> Any:
    """The estimator proper: of a search the best, of a pipeline the last step."""
    from sklearn.pipeline import Pipeline

    model = getattr(model, "best_estimator_", model)
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def _transformed(model: Any, X: Any) -> Any:
    """What the last step is given."""
    from sklearn.pipeline import Pipeline

    model = getattr(model, "best_estimator_", model)
    return model[:-1].transform(X) if isinstance(model, Pipeline) and len(model) > 1 else X


def _logits(model: Any, X: Any) -> Tensor | None:
    from sklearn.base import is_regressor

    if is_regressor(model):
        return _tensor(np.asarray(model.predict(X)).reshape(_count(X), -1))
    if hasattr(model, "decision_function"):
        values = np.asarray(model.decision_function(X))
        if values.ndim == 1:
            return _tensor(np.stack([-values / 2, values / 2], 1))
        # Under "ovo" it has a column per pair of classes.
        pairs = getattr(model, "decision_function_shape", None) == "ovo"
        if values.shape[1] == len(model.classes_) and not pairs:
            return _tensor(values)
    if hasattr(model, "predict_proba"):
        return _tensor(np.log(np.maximum(model.predict_proba(X), LEAST)))
    return None


def _several(model: Any, X: Any) -> Several:
    """Whether a model answers with several labels or targets."""
    from sklearn.base import is_classifier

    classes = getattr(model, "classes_", None)
    said = np.shape(_array(_asked(model.predict, X)))
    many = len(said) == 2 and (said[1] > 1 or isinstance(classes, list))
    if not many:
        return ""
    if not is_classifier(model):
        return "targets"
    kinds = classes if isinstance(classes, list) else []
    return "labels" if all(set(own.tolist()) <= {0, 1} for own in kinds) else "targets"


def _log_odds(model: Any, X: Any) -> Tensor | None:
    """Logarithm of the odds ``(n, L)`` of each label."""
    if hasattr(model, "decision_function"):
        values = np.asarray(model.decision_function(X))
        if values.ndim == 2:
            return _tensor(values)
    if not hasattr(model, "predict_proba"):
        return None
    found = model.predict_proba(X)
    if isinstance(found, list):  # a label that was always the same has one column
        pairs = zip(found, model.classes_, strict=True)
        found = np.stack([share @ (np.asarray(own) == 1) for share, own in pairs], 1)
    share = np.clip(found, LEAST, 1 - LEAST)
    return _tensor(np.log(share / (1 - share)))


def _shares(model: Any, X: Any) -> Tensor | None:
    """Probabilities ``(n, all classes)`` of the classes of every target, where it gives them."""
    if not hasattr(model, "predict_proba"):
        return None
    found = model.predict_proba(X)
    return _tensor(np.concatenate(found, 1) if isinstance(found, list) else np.asarray(found))


def _asked(function: Any, *arguments: Any) -> Any:
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is cut or rejected
            return function(*arguments)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"The model cannot read the examples ({first_line(error)}); give them in the form "
            "it was fitted on."
        ) from None


def _dense(rows: Any) -> Tensor | None:
    try:
        values = np.asarray(_array(rows), dtype=np.float64)
    except (ValueError, TypeError):
        return None
    return _tensor(values) if values.ndim == 2 else None


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.clip(values, -LARGEST, LARGEST).astype(np.float32))


def _array(rows: Any) -> np.ndarray:
    return rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)


def _count(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    rows = [p for p in parts if p is not None]
    return torch.cat(rows) if rows else None
