"""The softmax without its round-off: what the classes that were not predicted weigh, on their own.

The probabilities of a confident network differ from 1 by less than float32 can show next to 1.
With ``z_max`` the largest logit and ``r = Σ_{c ≠ max} exp(z_c - z_max)``,

    p_max = 1 / (1 + r),      1 - p_max = r / (1 + r),      log Σ_c exp(z_c) = z_max + log(1 + r)

and ``r`` keeps its seven digits down to 1e-38, where ``p_max`` has long been 1 for all. Logits
further below the largest than 87, of which float32 has no exponential, count as 87 below.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from gengap.base.errors import UsageError
from gengap.models.outputs import Outputs, logits_of

HUGE = 1e30
LOWEST = -87.0


class Others(NamedTuple):
    """What the classes other than the predicted one weigh.

    Attributes:
        below: ``(n, C)`` each logit minus the largest, at least -87.
        weights: ``(n, C)`` ``exp(below)``, but 0 for the predicted class, and for no other.
        total: ``(n,)`` sum of the weights, ``r``.
    """

    below: Tensor
    weights: Tensor
    total: Tensor


def class_logits(outputs: Outputs) -> Tensor:
    """Logits ``(n, C)``; fewer than two classes are a usage error."""
    logits = logits_of(outputs)
    if logits.shape[1] < 2:
        raise UsageError(
            "This detector compares classes, but the model has one output; "
            "give logits with a column for each class."
        )
    return logits


def others(logits: Tensor) -> Others:
    """Weigh the classes that were not predicted; of equal largest logits the first is predicted."""
    bounded = logits.clamp(-HUGE, HUGE)
    largest, predicted = bounded.max(1, keepdim=True)
    # Exponentials that underflow take many times as long.
    below = bounded.sub_(largest).clamp_min_(LOWEST)
    weights = below.exp().scatter_(1, predicted, 0)
    return Others(below, weights, weights.sum(1))


def error_chance(logits: Tensor) -> Tensor:
    """``1 - max_c p_c`` of logits ``(n, C)``: how likely the model holds itself to be wrong."""
    total = others(logits).total
    return total / (1 + total)
