"""Generalised entropy (GEN): an entropy that listens to very small probabilities.

Any concave function that is 0 at certainty measures doubt. Shannon's entropy hardly moves when a
probability goes from 1e-8 to 1e-4; the family

    s(x) = Σ_{c among the M most probable} p_c^g (1 - p_c)^g,        0 < g < 1,

does, the more the smaller ``g``: near 0 each term grows like ``p^g``. Only the ``M`` most probable
classes count, since with thousands of classes the tail is noise.

Helps over entropy and the maximum softmax probability for confident networks, whose doubt is all
in small probabilities. Hurts where small probabilities are arbitrary, as in a network trained for
long without regularisation, or far from the data, where all are 0.
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
from gengap.detectors.tools.softmax import class_logits, others
from gengap.models.outputs import Outputs


@register_detector(
    "generalised-entropy",
    summary="belief leaks to other classes, however little of it",
    paper=Paper(
        "GEN: pushing the limits of softmax-based out-of-distribution detection",
        "Liu, Lochman, Zach",
        2023,
        "https://doi.org/10.1109/CVPR52729.2023.02293",
    ),
    needs=("logits",),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class GeneralisedEntropy(Detector):
    """Sum of ``(p (1 - p))^exponent`` over the most probable classes."""

    exponent: float = hyperparameter(
        0.1, 0.01, 1.0, log=True, limit=1, help="smaller listens to smaller probabilities"
    )
    classes: int = hyperparameter(100, 1, 1000, log=True, help="how many of the best classes count")

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Generalised entropy, ``(n,)``."""
        return by_rows(self._entropy, class_logits(outputs))

    def _entropy(self, logits: Tensor) -> Tensor:
        below, weights, total = others(logits)
        if self.classes < logits.shape[1]:
            weights, rows = weights.topk(max(self.classes - 1, 0), 1)
            below = below.gather(1, rows)
        # With S = 1 + r, p (1 - p) = e (S - e) / S² with S - e >= 1, but r / S² when predicted.
        whole = 1 + total
        terms = whole[:, None].sub(weights).log_().add_(below).mul_(self.exponent).exp_()
        others_only = weights.sign_()
        return (
            terms.mul_(others_only)
            .sum(1)
            .add_(total.pow_(self.exponent))
            .div_(whole.pow(2 * self.exponent))
        )
