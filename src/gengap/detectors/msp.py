"""Maximum softmax probability (MSP): the baseline that every detector is measured against.

A classifier states probabilities ``p = softmax(z)``. Where the largest is small the model holds
itself to be wrong, and it tends to be less sure of examples unlike those it was trained on:

    s(x) = 1 - max_c p_c(x)

Ordering is all that a detector needs, so this is Hendrycks and Gimpel's ``-max_c p_c``; it is
summed over the other classes, or in float32 every confident example would tie.

Helps against misclassified examples and strangers between the classes; costs nothing. Hurts far
away: a network of rectified linear units grows ever surer along almost every ray from the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.softmax import class_logits, error_chance
from gengap.models.outputs import Outputs


@register_detector(
    "msp",
    summary="the model holds itself to be wrong: one minus the largest probability",
    paper=Paper(
        "A baseline for detecting misclassified and out-of-distribution examples in neural "
        "networks",
        "Hendrycks, Gimpel",
        2017,
        "https://arxiv.org/abs/1610.02136",
    ),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class MaximumSoftmaxProbability(Detector):
    """One minus the largest softmax probability, between 0 and ``1 - 1/C``."""

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Chance of being wrong by the model's own account, ``(n,)``."""
        return by_rows(error_chance, class_logits(outputs))
