"""What the labels of a guard's examples tell: the kind of problem, and how the model is to be read.

A network does not say whether its columns are classes, labels or values. Labels do:

- one class or value an example: of a single column 0 and 1 are two classes, anything else values;
- several an example: one 1 in each row are classes written out (one-hot), 0 and 1 otherwise are
  labels of which any number may hold, anything else are values of several targets.

An estimator says so itself. Several targets that are no labels have no logits in common, so
detectors see the features alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.environments.core import suspect
from gengap.guard.decision import cut
from gengap.models.answers import Answer, answered
from gengap.models.estimator_outputs import EstimatorReader
from gengap.models.network_outputs import NetworkReader, class_numbers
from gengap.models.outputs import Outputs
from gengap.models.reading import Reader
from gengap.models.row_outputs import RowReader

CLASSES, LABELS = "classification", "multi-label"
TELLING = 50  # examples all answered right that make one ask whether they were trained on


class Seen(NamedTuple):
    """What a model makes of labelled examples, and what it is asked.

    Attributes:
        reader: of the model, which now knows what its columns mean.
        outputs: as detectors may see them.
        task: "classification", "regression" or "multi-label"; None where it is none of these.
    """

    reader: Reader
    outputs: Outputs
    task: str | None


def read_labelled(
    reader: Reader, X: Any, y: np.ndarray | None, hidden: bool, false_alarms: float
) -> Seen:
    """Read the model on labelled examples; warns where it answers everything right.

    Args:
        reader: of the model.
        X: ``n`` examples.
        y: ``(n,)`` labels or values, or ``(n, L)``; None without a model.
        hidden: whether hidden layers are wanted.
        false_alarms: for the warning.

    Raises:
        UsageError: labels and model do not agree, or an output is not finite or too large.
    """
    if isinstance(reader, RowReader) or y is None:
        return Seen(reader, _usable(reader.read(X)), None)
    if isinstance(reader, NetworkReader):
        seen = _of_network(reader, X, y, hidden)
    elif reader.several:
        seen = _of_several(reader, X, y)
    else:
        seen = _of_estimator(reader, X, y)
    _usable(seen.outputs)
    if seen.task == "classification":
        _suspect_seen(seen.outputs, false_alarms)
    return seen


def check_finite(unusable: np.ndarray) -> None:
    """Refuse examples of which some ``(n,)`` have no usable output."""
    bad = np.flatnonzero(unusable)
    if len(bad):
        raise UsageError(
            f"The model's output for row {bad[0]} of X is not finite or too large; repair such "
            "rows or leave them out."
        )


def _of_network(reader: NetworkReader, X: Any, y: np.ndarray, hidden: bool) -> Seen:
    class_numbers(y[:1])  # refuses what is no number
    outputs = reader.read(X, hidden=hidden)
    returned = outputs.logits
    assert returned is not None
    columns = returned.shape[1]
    binary = y.dtype.kind in "iufb" and bool(np.isin(y, (0, 1)).all())
    if y.ndim == 2:
        _check_columns(y, columns)
        if binary and bool((y.sum(1) == 1).all()):
            y = y.argmax(1)
        else:
            return _of_columns(reader, outputs, "labels" if binary else "values")
    if columns == 1 and binary and len(np.unique(y)) == 2:
        reader, outputs = _answering(reader, outputs, "logit")
    elif columns == 1:
        return Seen(reader, replace(outputs, labels=_values(y)), "regression")
    else:
        _check_classes(y, columns)
    _check_several_classes(y)
    return Seen(reader, replace(outputs, labels=class_numbers(y.astype(np.int64))), CLASSES)


def _of_columns(reader: NetworkReader, outputs: Outputs, answer: Answer) -> Seen:
    """A network that answers with several labels, or values."""
    reader, outputs = _answering(reader, outputs, answer)
    if answer == "labels":
        return Seen(reader, replace(outputs, head=None), LABELS)
    return Seen(reader, replace(outputs, logits=None, head=None), None)


def _answering(
    reader: NetworkReader, outputs: Outputs, answer: Answer
) -> tuple[NetworkReader, Outputs]:
    """The reader, and outputs it read before it knew what the columns mean."""
    returned = outputs.logits
    assert returned is not None
    chances = bool(((returned >= 0) & (returned <= 1)).all())
    probabilities = answer != "values" and reader.head is None and chances
    reader = replace(reader, answer=answer, probabilities=probabilities)
    return reader, answered(outputs, answer, probabilities)


def _of_estimator(reader: EstimatorReader, X: Any, y: np.ndarray) -> Seen:
    if y.ndim == 2:
        _check_columns(y, 1)
    outputs = reader.read(X, labels=y)
    if reader.classes is None:
        return Seen(reader, replace(outputs, labels=_values(y)), "regression")
    _check_several_classes(y)
    return Seen(reader, outputs, CLASSES)


def _of_several(reader: EstimatorReader, X: Any, y: np.ndarray) -> Seen:
    """An estimator of several labels or targets."""
    outputs = reader.read(X)
    _check_columns(y if y.ndim == 2 else y[:, None], reader.predict(outputs, X[:1]).shape[1])
    return Seen(reader, outputs, LABELS if reader.several == "labels" else None)


def _usable(outputs: Outputs) -> Outputs:
    check_finite(cut(outputs))
    return outputs


def _values(y: np.ndarray) -> Tensor:
    try:
        return torch.from_numpy(y.astype(np.float32))
    except ValueError:
        raise UsageError(
            f"The model answers with numbers, but y holds {y.ravel()[:1].tolist()[0]!r}; give the "
            "values it was trained on."
        ) from None


def _check_columns(y: np.ndarray, columns: int) -> None:
    if y.shape[1] != columns:
        raise UsageError(
            f"y has {y.shape[1]} columns but the model answers with {columns}; give the labels or "
            "values that it was trained on."
        )


def _check_classes(y: np.ndarray, columns: int) -> None:
    """Refuse labels that are no numbers of a network's classes."""
    present = np.unique(y)
    if y.dtype.kind not in "iub" or present[0] < 0 or present[-1] >= columns:
        raise UsageError(
            f"The model's logits are for classes 0 to {columns - 1}, but y reaches from "
            f"{present[0]} to {present[-1]} ({y.dtype}); give whole numbers of these classes."
        )


def _check_several_classes(y: np.ndarray) -> None:
    present = np.unique(y)
    if len(present) == 1:
        raise UsageError(
            f"All examples are of class {present[0]}; a classifier's guard needs at least two."
        )


def _suspect_seen(outputs: Outputs, false_alarms: float) -> None:
    """Warn where a model answers everything right, as models do what they were trained on."""
    logits, labels = outputs.logits, outputs.labels
    if logits is None or labels is None or len(labels) < TELLING:
        return
    if bool((logits.argmax(1) == labels).all()):
        suspect(
            [
                f"The model answers all {len(labels)} examples right; if it was trained on them, "
                f"there will be more than {false_alarms:.3g} false alarms: give the guard examples "
                "that the model was not trained on."
            ]
        )
