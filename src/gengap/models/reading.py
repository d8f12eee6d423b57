"""What a trained model makes of examples, for detectors: logits, features, hidden layers.

Any :class:`torch.nn.Module` or fitted scikit-learn estimator is read as it is and left alone: its
train or eval mode, gradients, hooks and buffers are never touched, so that threads may share it.

    outputs = outputs_of(network, X, labels=y)      # logits (n, C), features (n, d), head, ...
    outputs_of(pipeline, table).features.shape      # what the pipeline's last step was given
"""

from __future__ import annotations

from typing import Any

from gengap.base.errors import UsageError
from gengap.models.estimator_outputs import EstimatorReader, estimator_reader
from gengap.models.network_outputs import NetworkReader, network_reader
from gengap.models.outputs import Outputs
from gengap.models.passes import uncompiled
from gengap.models.row_outputs import RowReader, row_reader

Reader = NetworkReader | EstimatorReader | RowReader

__all__ = ["Reader", "outputs_of", "reader_of"]


def outputs_of(
    model: Any, X: Any, *, layer: str | None = None, batch: int = 1024, labels: Any = None
) -> Outputs:
    """Read a model's outputs on examples.

    Args:
        model: a module that returns logits ``(n, C)`` (or values ``(n, 1)``), or a fitted
            scikit-learn estimator; None for the rows themselves.
        X: ``(n, ...)`` examples in the form that the model takes.
        layer: dotted name of the submodule whose output are the features; by default the features
            are the input of the last linear layer. Estimators have none.
        batch: examples per forward pass; it bounds the memory and changes nothing else.
        labels: ``(n,)`` class labels or target values, where known.

    Raises:
        UsageError: the model is of another kind, is not fitted, or cannot read ``X``.
    """
    return reader_of(model, X, layer=layer).read(X, batch=batch, labels=labels)


def reader_of(model: Any, X: Any, *, layer: str | None = None) -> Reader:
    """Find out on a few of the examples how the model is to be read; see :func:`outputs_of`."""
    from torch import nn

    if isinstance(model, nn.Module):
        return network_reader(uncompiled(model), X, layer)
    if layer is not None:
        raise UsageError(f"Only networks have layers; leave layer={layer!r} out.")
    return row_reader(X) if model is None else estimator_reader(model, X)
