"""What a model makes of examples, whatever the model: logits, features, layers, head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gengap.base.errors import UsageError


@dataclass(frozen=True)
class Head:
    """The model's last linear layer: ``logits = features @ weight.T + bias``.

    Attributes:
        weight: ``(C, d)`` float32.
        bias: ``(C,)`` float32.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Logits ``(n, C)`` of features ``(n, d)``."""
        return torch.addmm(self.bias, features, self.weight.T)


@dataclass(frozen=True)
class Outputs:
    """What a model makes of ``n`` examples, as float32 tensors; None or empty where unknown.

    Attributes:
        logits: ``(n, C)`` logits, or predicted values ``(n, 1)`` in regression.
        features: ``(n, d)`` input of the last linear layer, or what stands for it.
        layers: hidden layers from first to last, ``(n, d_l)`` each.
        inputs: ``(n, ...)`` prepared inputs, for detectors that differentiate or perturb.
        labels: ``(n,)`` class codes (int64) or target values; known for training examples only.
        head: the last linear layer, the same for all examples.
        network: differentiable function from inputs ``(n, ...)`` to logits ``(n, C)``.
        tail: for each layer the function from its activations to the next layer's (the last: to the
            logits), for detectors that look between layers.
        maps: logits ``(n, C)`` of inputs and a change ``(n, c, positions)`` to the same that is
            made to the last layer whose units have several positions.
        dropout: logits ``(n, C)`` of inputs where dropout is on, with what a seed drops, the same
            for all rows.
    """

    logits: Tensor | None = None
    features: Tensor | None = None
    layers: tuple[Tensor, ...] = ()
    inputs: Tensor | None = None
    labels: Tensor | None = None
    head: Head | None = None
    network: Callable[[Tensor], Tensor] | None = None
    tail: tuple[Callable[[Tensor], Tensor], ...] = ()
    maps: Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor] | None = None
    dropout: Callable[[Tensor, int], Tensor] | None = None

    def __len__(self) -> int:
        for rows in (self.logits, self.features, self.inputs, self.labels, *self.layers):
            if rows is not None:
                return len(rows)
        return 0

    def rows(self, index: Tensor | slice) -> Outputs:
        """The outputs of some examples."""

        def take(rows: Tensor | None) -> Tensor | None:
            return None if rows is None else rows[index]

        return replace(
            self,
            logits=take(self.logits),
            features=take(self.features),
            layers=tuple(rows[index] for rows in self.layers),
            inputs=take(self.inputs),
            labels=take(self.labels),
        )


def logits_of(outputs: Outputs) -> Tensor:
    """Logits ``(n, C)``, or a usage error."""
    return _present(outputs.logits, "logits")


def features_of(outputs: Outputs) -> Tensor:
    """Features ``(n, d)``, or a usage error."""
    return _present(outputs.features, "features")


def labels_of(outputs: Outputs) -> Tensor:
    """Labels ``(n,)``, or a usage error."""
    return _present(outputs.labels, "labels")


def head_of(outputs: Outputs) -> Head:
    """The last linear layer, or a usage error."""
    if outputs.head is None:
        raise UsageError(
            "This detector needs the model's last linear layer; the model has none that was found."
        )
    return outputs.head


def _present(rows: Tensor | None, name: str) -> Tensor:
    if rows is None:
        raise UsageError(f"This detector needs the model's {name}, which were not given.")
    return rows
