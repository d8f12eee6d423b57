"""Reads a PyTorch module: hooks on the layers of a replica during an ordinary forward pass.

The last linear layer is the last :class:`torch.nn.Linear` to run. It counts as the head when what
it returns is what the model returns, or when the model returns its softmax, its sigmoid or the
logarithm of one; then the logits are the head's output, so that ``logits = head(features)``
whatever the model ends in. What its columns mean the labels tell (:mod:`gengap.models.answers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError, suggest
from gengap.models.answers import Answer, answered, predicted
from gengap.models.outputs import Head, Outputs
from gengap.models.passes import (
    Pass,
    forward,
    hidden_layers,
    leaves,
    pure,
    replica,
    tails,
    vectors,
    with_changed_maps,
    with_dropout,
)

PROBE = 8  # examples on which the layers are looked for


@dataclass(frozen=True)
class NetworkReader:
    """How a network is read.

    Attributes:
        model: the network.
        layer: dotted name of the submodule that gives the features, or None without any.
        side: whether its ``"input"`` or its ``"output"`` are the features.
        head: dotted name of the last linear layer, or None where it does not give the logits.
        answer: what the columns it returns mean.
        probabilities: whether these are probabilities, which become logits.
        classes: unknown to a network, hence None; classes are numbered from 0.
    """

    model: nn.Module
    layer: str | None
    side: str
    head: str | None
    answer: Answer = "classes"
    probabilities: bool = False
    classes: None = field(default=None, init=False)

    @property
    def plan(self) -> dict[str, Any]:
        """All but the model, as JSON values."""
        names = ("layer", "side", "head", "answer", "probabilities")
        return {name: getattr(self, name) for name in names}

    def read(
        self, X: Any, *, batch: int = 1024, labels: Any = None, hidden: bool = True
    ) -> Outputs:
        """Outputs on examples; see :func:`gengap.models.reading.outputs_of`.

        Args:
            X: ``(n, ...)`` examples.
            batch: examples per forward pass.
            labels: ``(n,)`` class numbers or target values.
            hidden: whether hidden layers, and changes to their maps, are wanted.
        """
        inputs, own = examples(self.model, X), replica(self.model)
        with torch.no_grad():
            parts = [self._batch(own, rows, hidden) for rows in inputs.split(batch)]
            one = self._passes(own, inputs[:1])[1] if hidden else []
            tail = tails(own, one, self.head) if hidden else ()
        layers = tuple(torch.cat(rows) for rows in zip(*(p.layers for p in parts), strict=True))
        differentiable = inputs.is_floating_point()
        outputs = Outputs(
            logits=_joined([p.logits for p in parts]),
            features=_joined([p.features for p in parts]),
            layers=layers,
            inputs=inputs.float() if differentiable else None,
            labels=None if labels is None else class_numbers(labels),
            head=self._head(),
            network=pure(self.model, self.head) if differentiable else None,
            tail=tail,
            maps=with_changed_maps(own, one, self.head) if differentiable else None,
            dropout=with_dropout(self.model, self.head) if differentiable else None,
        )
        return answered(outputs, self.answer, self.probabilities)

    def predict(self, outputs: Outputs, X: Any) -> np.ndarray:
        """Class numbers or values ``(n,)``; of several labels or targets ``(n, L)``."""
        assert outputs.logits is not None
        return predicted(outputs.logits, self.answer)

    def _batch(self, own: nn.Module, rows: Tensor, hidden: bool) -> Outputs:
        """Outputs of one batch from a replica of the model."""
        returned, passes = self._passes(own, rows, every=hidden)
        at = {id(p.module): p for p in passes}
        logits, features = returned, None
        if self.head is not None:
            logits = at[id(own.get_submodule(self.head))].output
        if self.layer is not None:
            seen = at[id(own.get_submodule(self.layer))]
            features = vectors(seen.input if self.side == "input" else seen.output)
        layers = [p.output for p in hidden_layers(own, passes, self.head)] if hidden else []
        return Outputs(vectors(logits), features, tuple(vectors(rows) for rows in layers))

    def _passes(
        self, own: nn.Module, rows: Tensor, every: bool = True
    ) -> tuple[Tensor, list[Pass]]:
        names = [name for name in (self.layer, self.head) if name is not None]
        watched = {own.get_submodule(name) for name in names}
        return forward(own, rows, watched | leaves(own) if every else watched)

    def _head(self) -> Head | None:
        if self.head is None or self.side != "input" or self.layer != self.head:
            return None
        linear = self.model.get_submodule(self.head)
        assert isinstance(linear, nn.Linear)
        weight = linear.weight.detach().float().cpu()
        bias = None if linear.bias is None else linear.bias.detach().float().cpu()
        return Head(weight, torch.zeros(len(weight)) if bias is None else bias)


def network_reader(model: nn.Module, X: Any, layer: str | None = None) -> NetworkReader:
    """Find the last linear layer of a network by running it on a few examples.

    Raises:
        UsageError: no such layer, no examples, or the model returns something else than logits.
    """
    own = replica(model)
    modules = dict(own.named_modules())
    if layer is not None and layer not in modules:
        raise UsageError(f"The network has no layer {layer!r}{suggest(layer, modules)}.")
    rows = examples(model, X[:PROBE])
    if len(rows) == 0:
        raise UsageError("There are no examples to read the network on; give at least one row.")
    with torch.no_grad():
        watched = leaves(own) | ({modules[layer]} if layer is not None else set())
        returned, passes = forward(own, rows, watched)
    linear = next((p for p in reversed(passes) if _is_last(p, len(rows))), None)
    names = {module: name for name, module in modules.items()}
    found = names[linear.module] if linear else None
    head = found if linear and gives(linear.output, returned) else None
    if layer is None:
        return NetworkReader(model, found, "input", head)
    at = next((p for p in reversed(passes) if p.module is modules[layer]), None)
    if at is None:
        raise UsageError(
            f"The layer {layer!r} does not run in a forward pass; name another (such as {found!r})."
        )
    same = linear is not None and head is not None and same_rows(at.output, linear.input)
    return NetworkReader(model, head if same else layer, "input" if same else "output", head)


def examples(model: nn.Module, X: Any) -> Tensor:
    """Examples as the tensor that the network takes, in ordinary memory.

    Numbers get the network's precision; whole numbers stay so where it looks them up.
    """
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(0))
    try:
        rows = X if isinstance(X, Tensor) else torch.from_numpy(np.ascontiguousarray(X))
    except TypeError:
        raise UsageError("A network takes numbers only; encode the other columns first.") from None
    looked_up = any(isinstance(m, nn.Embedding) for m in model.modules())
    if looked_up and not rows.is_floating_point():
        return rows.to("cpu", torch.int64)
    return rows.detach().to("cpu", like.dtype)


def gives(logits: Tensor, returned: Tensor) -> bool:
    """Whether a model returned these logits, their softmax or sigmoid, or its logarithm."""
    if logits.shape != returned.shape:
        return False
    softmax = (logits.softmax(1), logits.log_softmax(1)) if logits.shape[1] > 1 else ()
    candidates = (logits, *softmax, logits.sigmoid(), nn.functional.logsigmoid(logits))
    return any(torch.allclose(made, returned, rtol=1e-4, atol=1e-5) for made in candidates)


def same_rows(a: Tensor, b: Tensor) -> bool:
    """Whether two activations are the same numbers, whatever their shape."""
    return a.numel() == b.numel() and torch.equal(a.flatten(), b.flatten())


def class_numbers(labels: Any) -> Tensor:
    """Labels as int64 class numbers where they are whole numbers, else float32 values."""
    values = np.asarray(labels)
    if values.dtype.kind not in "iufb":
        raise UsageError(
            "A network's labels must be numbers (classes from 0 in the order of its outputs), "
            f"not {values.ravel()[:1].tolist()}."
        )
    if values.dtype.kind in "iub":
        return torch.from_numpy(values.astype(np.int64))
    return torch.from_numpy(values.astype(np.float32))


def _is_last(p: Pass, rows: int) -> bool:
    return isinstance(p.module, nn.Linear) and p.input.dim() == 2 and len(p.input) == rows


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    rows = [p for p in parts if p is not None]
    return torch.cat(rows) if rows else None
