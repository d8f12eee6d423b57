"""Maximum logit: how strongly the best class is supported, before any normalisation.

The softmax compares classes and forgets their common level: three similar breeds of dog share the
probability of a dog the model knows well. The largest logit does not:

    s(x) = -max_c z_c(x)

Helps with many classes that resemble each other, where the softmax is low for familiar examples.
Hurts where the level means nothing: logits are only defined up to a constant per example, and a
model trained with heavy regularisation need not keep their level apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.softmax import HUGE, class_logits
from gengap.models.outputs import Outputs


@register_detector(
    "max-logit",
    summary="no class is strongly supported: the largest logit is small",
    paper=Paper(
        "Scaling out-of-distribution detection for real-world settings",
        "Hendrycks, Basart, Mazeika, Zou, Kwon, Mostajabi, Steinhardt, Song",
        2022,
        "https://arxiv.org/abs/1911.11132",
    ),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class MaximumLogit(Detector):
    """Minus the largest logit."""

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the largest logit, ``(n,)``."""
        return class_logits(outputs).amax(1).neg_().clamp_(-HUGE, HUGE)
