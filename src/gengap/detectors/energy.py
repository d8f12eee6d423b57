"""Energy: the log-density that a classifier implies, up to a constant.

Read the logits as a joint density ``p(x, c) ∝ exp(z_c(x) / T)``; summing the classes out gives
``log p(x) = log Σ_c exp(z_c(x) / T) + constant``. Its negative, times ``T``, is the free energy

    s(x) = -T log Σ_c exp(z_c(x) / T)

which is nearly minus the largest logit for small ``T`` and orders as minus the mean logit for
large ``T``.

Helps over the maximum softmax probability where confident examples all have probabilities near 1
but logits of different size. Hurts where the level of the logits carries no information (see
max-logit), and far away, where a rectified network's logits only grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.softmax import HUGE, class_logits
from gengap.models.outputs import Outputs


@register_detector(
    "energy",
    summary="the density that the logits imply is low",
    paper=Paper(
        "Energy-based out-of-distribution detection",
        "Liu, Wang, Owens, Li",
        2020,
        "https://arxiv.org/abs/2010.03759",
    ),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class Energy(Detector):
    """Free energy of the logits."""

    temperature: float = hyperparameter(
        1.0, 0.1, 1000.0, log=True, help="divides the logits; larger weighs all classes alike"
    )

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Free energy, ``(n,)``."""
        return by_rows(self._energy, class_logits(outputs))

    def _energy(self, logits: Tensor) -> Tensor:
        if self.temperature == 1:
            return torch.logsumexp(logits, 1).neg_().clamp_(-HUGE, HUGE)
        scaled = logits.clamp(-HUGE, HUGE).div_(self.temperature)
        return torch.logsumexp(scaled, 1).mul_(-self.temperature)
