"""Entropy: how evenly the model spreads its belief over the classes.

    s(x) = -Σ_c p_c log p_c,        p = softmax(z(x)),        between 0 and log C

Unlike the maximum softmax probability it tells a doubt between two classes from a doubt between
all. With ``b_c = max z - z_c >= 0`` it equals ``log(1 + r) + Σ_c p_c b_c``, a sum of terms that are
all positive, so that the small entropies of confident examples keep their digits.

Helps where strangers leave the model undecided between many classes. Hurts as the maximum softmax
probability does: far from the data a rectified network is sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.softmax import class_logits, others
from gengap.models.outputs import Outputs


@register_detector(
    "entropy",
    summary="belief is spread over many classes",
    paper=Paper(
        "A mathematical theory of communication",
        "Shannon",
        1948,
        "https://doi.org/10.1002/j.1538-7305.1948.tb01338.x",
    ),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class Entropy(Detector):
    """Shannon entropy of the softmax probabilities, in nats."""

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Entropy in nats, ``(n,)``."""
        return by_rows(_entropy, class_logits(outputs))


def _entropy(logits: Tensor) -> Tensor:
    below, weights, total = others(logits)
    return total.log1p().sub_(weights.mul_(below).sum(1).div_(1 + total))
