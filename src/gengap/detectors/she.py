"""SHE: compare an example with the stored pattern of the class that the model gives it.

A modern Hopfield network stores patterns and has low energy near them. Store one pattern per
class, the mean features of its correctly classified training examples, and score by the inner
product with the pattern of the predicted class ``k(x)``,

    s(x) = -h(x) · m_k(x),        m_k = mean {h(x_i) : y_i = k, the model answers k}.

A class without correct answers is represented by all its examples, a class without examples by
the mean of all.

Source: J. Zhang, Q. Fu, X. Chen, L. Du, Z. Li, G. Wang, X. Liu, S. Han & D. Zhang,
Out-of-distribution detection based on in-distribution data patterns memorization with modern
Hopfield energy, ICLR 2023.

Helps where strangers have small features or features of no class; one inner product per example.
Hurts where they have large ones: an example twice as far out along a pattern scores as twice as
familiar.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, class_codes, known_features
from gengap.models.outputs import Outputs, features_of, logits_of


@register_detector(
    "she",
    summary="inner product with the mean features of the predicted class",
    paper=Paper(
        "Out-of-distribution detection based on in-distribution data patterns memorization with "
        "modern Hopfield energy",
        "Zhang, Fu, Chen, Du, Li, Wang, Liu, Han, Zhang",
        2023,
        "https://openreview.net/forum?id=KkazG4lgKL",
    ),
    needs=("logits", "features", "labels"),
    cost="one inner product",
)
@dataclass(frozen=True)
class She(Detector):
    """Simplified Hopfield energy."""

    def fit(self, train: Outputs) -> Fitted:
        """Store a pattern for each class."""
        features, logits = known_features(train).double(), logits_of(train)
        codes, answers = class_codes(train), logits.argmax(1)
        patterns = features.mean(0).repeat(logits.shape[1], 1)
        for code in codes.unique().tolist():
            members = codes == code
            right = members & (answers == code)
            patterns[code] = features[right if right.any() else members].mean(0)
        return {"patterns": patterns.float()}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the inner product with the pattern of the predicted class."""

        def energy(chunk: Outputs) -> Tensor:
            stored = fitted["patterns"][logits_of(chunk).argmax(1)]
            return -torch.linalg.vecdot(bounded(features_of(chunk)), stored)

        return by_examples(energy, outputs)
