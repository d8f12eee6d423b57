"""Joint energy: how much the labels of a multi-label model together speak for an example.

Each label l has a logit z_l of its own, the logarithm of its odds, and any number of labels may
hold. Read as a binary classifier of label l against a logit of 0, its free energy is
-log(1 + exp z_l), and those of all labels add up:

    s(x) = - sum_l log(1 + exp z_l(x)).

A label that certainly does not hold adds nothing, so that an example is familiar by the labels it
has, and the more so the more it has and the surer they are. The largest logit alone sees one label,
and a softmax across labels, which do not exclude each other, means nothing.

Helps where a model names several things in an example and strangers show none of them. Hurts where
normal examples often have no label at all, which look as strange as strangers, and far away, where
a rectified network's logits only grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.outputs import finite
from gengap.detectors.tools.softmax import HUGE
from gengap.models.outputs import Outputs, logits_of


@register_detector(
    "joint-energy",
    summary="all labels together say little",
    paper=Paper(
        "Can multi-label classification networks know what they don't know?",
        "Wang, Liu, Bocchieri, Li",
        2021,
        "https://arxiv.org/abs/2109.14162",
    ),
    tasks=("multi-label",),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class JointEnergy(Detector):
    """Sum of the labels' free energies."""

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Free energy ``(n,)``, in nats."""

        def energy(logits: Tensor) -> Tensor:
            bounded = logits.detach().clamp(-HUGE, HUGE)
            return finite(-torch.nn.functional.softplus(bounded).sum(1))

        return by_rows(energy, logits_of(outputs))
