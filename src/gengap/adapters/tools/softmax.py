"""Probabilities and entropies of logits whose last axis are classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gengap.base.errors import UsageError


def class_rows(logits: Tensor) -> Tensor:
    """Logits ``(n, ..., C)`` as rows ``(m, C)``; fewer than two classes are a usage error."""
    if logits.shape[-1] < 2:
        raise UsageError(
            "This adapter compares classes, but the model has one output; use one for values "
            "(gengap adapters), or give a model with a column for each class."
        )
    return logits.flatten(0, -2)


def entropies(logits: Tensor) -> Tensor:
    """Entropy ``(m,)`` of the softmax of each row of logits ``(n, ..., C)``, in nats."""
    logs = class_rows(logits).log_softmax(1)
    return -(logs.exp() * logs).sum(1)


def example_entropies(logits: Tensor) -> Tensor:
    """Mean entropy ``(n,)`` over an example's rows."""
    return entropies(logits).view(len(logits), -1).mean(1)


def largest_entropy(logits: Tensor) -> float:
    """The entropy of equal chances, the logarithm of the number of classes."""
    return math.log(logits.shape[-1])


def probabilities(logits: Tensor) -> Tensor:
    """Softmax ``(m, C)`` of each row of logits ``(n, ..., C)``."""
    return class_rows(logits).softmax(1)


def logits_of_probabilities(chances: Tensor, like: Tensor) -> Tensor:
    """Logarithms of probabilities ``(m, C)``, shaped as some logits; zero stays finite."""
    smallest = torch.finfo(chances.dtype).tiny
    return chances.clamp_min(smallest).log().view(like.shape)
