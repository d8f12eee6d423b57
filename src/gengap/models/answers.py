"""What the columns that a network returns mean, which only the labels tell.

- *classes*: a logit for each class, and one class an example; a single column is a value.
- *logit*: a single column, and classes 0 and 1: ``z`` is the logit of class 1. As the two logits
  ``(-z/2, z/2)``, whose softmax is the sigmoid of ``z``, it is read as any classifier's.
- *labels*: a logit for each of several labels, any number of which an example may have.
- *values*: a value for each of several targets.

A network may end in sigmoids. Where the layer before them is not found its probabilities ``p``
become logits, ``log p - log(1 - p)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gengap.models.outputs import Head, Outputs

Answer = Literal["classes", "logit", "labels", "values"]
LEAST = 1e-6  # a probability below counts as this, above 1 less it as that
Change = Callable[[Tensor], Tensor]


def answered(outputs: Outputs, answer: Answer, probabilities: bool) -> Outputs:
    """Outputs whose logits, and whatever leads to them, are what the columns mean.

    Args:
        outputs: with logits ``(n, C)`` as the network returned them.
        answer: what its columns mean.
        probabilities: whether the columns are probabilities.
    """
    if probabilities:
        outputs = _changed(outputs, _log_odds)
    if answer != "logit":
        return outputs
    head = outputs.head
    if head is not None:
        head = Head(_two_sided(head.weight.T).T.contiguous(), _two_sided(head.bias[None])[0])
    return replace(_changed(outputs, _two_sided), head=head)


def predicted(logits: Tensor, answer: Answer) -> np.ndarray:
    """Class numbers or values ``(n,)``, or ``(n, L)`` labels of 0 and 1 or values.

    Args:
        logits: ``(n, C)`` as :func:`answered` gives them.
        answer: what they mean.
    """
    if answer == "labels":
        return (logits > 0).long().numpy()
    if answer == "values":
        return logits.numpy()
    return logits[:, 0].numpy() if logits.shape[1] == 1 else logits.argmax(1).numpy()


def _two_sided(logit: Tensor) -> Tensor:
    return torch.cat([-logit / 2, logit / 2], 1)


def _log_odds(probability: Tensor) -> Tensor:
    return torch.logit(probability, LEAST)


def _changed(outputs: Outputs, change: Change) -> Outputs:
    """Outputs with changed logits, as are those of every function that leads to them."""
    o = outputs
    return replace(
        o,
        logits=None if o.logits is None else change(o.logits),
        network=None if o.network is None else partial(_after, o.network, change),
        maps=None if o.maps is None else partial(_after, o.maps, change),
        dropout=None if o.dropout is None else partial(_after, o.dropout, change),
        tail=(*o.tail[:-1], partial(_after, o.tail[-1], change)) if o.tail else (),
    )


def _after(function: Callable[..., Tensor], change: Change, *arguments: object) -> Tensor:
    return change(function(*arguments))
