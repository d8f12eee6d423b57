"""KL matching: does the whole vector of probabilities look like that of some known class?

The mean probabilities of the examples predicted as class ``k`` are a template ``d_k``: what the
model typically believes when it says ``k``, confusions included. A new example is strange when its
probabilities fit no template:

    s(x) = min_k KL(p(x) || d_k),        KL(p || d) = Σ_c p_c log p_c - Σ_c p_c log d_c.

No labels are needed: templates follow predictions. A class that was never predicted has none. The
logarithm of a template is floored at -87, the smallest positive float32.

Helps where classes are confused in regular ways, as in multi-label or long-tailed problems: a
familiar confusion is no alarm. Hurts a model that is nearly always sure: templates then are corners
and the score falls back to the confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.softmax import HUGE, LOWEST, class_logits
from gengap.models.outputs import Outputs


@register_detector(
    "kl-matching",
    summary="the probabilities resemble those of no predicted class",
    paper=Paper(
        "Scaling out-of-distribution detection for real-world settings",
        "Hendrycks, Basart, Mazeika, Zou, Kwon, Mostajabi, Steinhardt, Song",
        2022,
        "https://arxiv.org/abs/1911.11132",
    ),
    needs=("logits",),
    cost="a pass over the logits and a product with a class by class matrix",
)
@dataclass(frozen=True)
class KLMatching(Detector):
    """Divergence from the nearest class's mean probabilities."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Log-probabilities ``{"log_templates": (K, C)}`` of the ``K`` classes ever predicted."""
        logits = class_logits(train)
        if len(logits) == 0:
            raise UsageError("Templates need training examples; there are none.")
        classes = logits.shape[1]
        predicted = logits.argmax(1)
        sums = torch.zeros(classes, classes, dtype=torch.float64)
        for rows, of in zip(logits.split(4096), predicted.split(4096), strict=True):
            sums.index_add_(0, of, rows.double().clamp_(-HUGE, HUGE).softmax(1))
        seen = predicted.unique()
        means = sums[seen] / torch.bincount(predicted, minlength=classes)[seen, None]
        return {"log_templates": means.log().clamp_min(LOWEST).float().contiguous()}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Divergence in nats, ``(n,)``."""
        templates = fitted["log_templates"].T.contiguous()
        return by_rows(lambda logits: _divergence(logits, templates), class_logits(outputs))


def _divergence(logits: Tensor, log_templates: Tensor) -> Tensor:
    below = logits.clamp(-HUGE, HUGE)
    below.sub_(below.amax(1, keepdim=True)).clamp_min_(LOWEST)
    weights = below.exp()
    total = weights.sum(1)
    nearest = (weights @ log_templates).amax(1)
    return weights.mul_(below).sum(1).sub_(nearest).div_(total).sub_(total.log())
