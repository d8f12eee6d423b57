"""The model's last layer as a fitted detector keeps it, and the energy of features through it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.outputs import bounded
from gengap.models.outputs import Head, Outputs, features_of


def kept_head(head: Head) -> Fitted:
    """Copies of ``weight (C, d)`` and ``bias (C,)``, apart from the model's own."""
    return {
        "weight": head.weight.detach().clone().contiguous(),
        "bias": head.bias.detach().clone().contiguous(),
    }


def head_of_fitted(fitted: Fitted) -> Head:
    """The last layer that :func:`kept_head` kept."""
    return Head(fitted["weight"], fitted["bias"])


def energies(
    fitted: Fitted, outputs: Outputs, reshape: Callable[[Tensor], Tensor] = lambda rows: rows
) -> Tensor:
    """Minus the log-sum-exp ``(n,)`` of the kept layer's logits.

    Args:
        fitted: holds a layer from :func:`kept_head`.
        outputs: with features ``(n, d)``.
        reshape: what is done to the bounded features before the layer sees them.
    """
    head = head_of_fitted(fitted)
    return by_rows(lambda rows: -head(reshape(bounded(rows))).logsumexp(1), features_of(outputs))
