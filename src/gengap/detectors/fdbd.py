"""Distance to the decision boundaries, relative to the distance from the training examples' mean.

A linear head decides between its choice f and another class c at a hyperplane, which lies

    D_c(x) = ((w_f - w_c)'x + b_f - b_c) / ||w_f - w_c||

away from the features x. Examples far from the mean m are far from all boundaries for no merit of
their own, so the mean distance is taken relative to that:

    - 1/(C - 1) sum_{c≠f} D_c(x) / ||x - m||.

Helps where strangers fall between classes; needs no hyperparameter, only one mean beyond the head.
Hurts for strangers far out in the direction of a class, whose ratio stays as large as a known
example's. With two classes the only boundary is the one behind the logits' difference.

The head's weights enter through C - 1 products that the logits already hold; two classes with equal
weights have no boundary and count as distance 0.
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
from gengap.detectors.tools.clipping import deviations, reach
from gengap.detectors.tools.heads import head_of_fitted, kept_head
from gengap.detectors.tools.moments import largest
from gengap.detectors.tools.training import training_features
from gengap.detectors.tools.whitening import FLOOR
from gengap.models.outputs import Outputs, features_of, head_of

SOME = 1000  # rows that tell how large features are


@register_detector(
    "fdbd",
    summary="minus the mean distance to the decision boundaries, relative to that from the mean",
    paper=Paper(
        "Fast decision boundary based out-of-distribution detector",
        "Liu, Qin",
        2024,
        "https://arxiv.org/abs/2312.11536",
    ),
    needs=("features", "head"),
    cost="one product with the head",
)
@dataclass(frozen=True)
class FDBD(Detector):
    """Regularised mean distance to the decision boundaries, negated."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """The training mean and the head with the distances between its classes' weights."""
        features, head = features_of(train).detach().float(), head_of(train)
        if len(head.weight) < 2:
            raise UsageError("fdbd needs a head of at least 2 classes; this one has 1 output.")
        weight = head.weight.double()
        apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
        mean = features.mean(0)
        if not torch.isfinite(mean).all():  # or there are no rows: say so, or add with more care
            mean = training_features(train).double().mean(0).float()
        # Both only guard against overflow and division by nothing, so some rows tell enough.
        some = features[:: 1 + len(features) // SOME]
        near = FLOOR * largest(some)
        return {
            "mean": mean,
            "limit": reach(some),
            "least": near if near > 0 else torch.ones_like(near),
            "inverse": torch.where(apart > 0, 1 / apart, 0.0).float(),
        } | kept_head(head)

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the mean of the distances over the distance from the mean, a ratio of lengths."""
        head, limit = head_of_fitted(fitted), float(fitted["limit"])
        others = len(head.weight) - 1

        def negated_ratio(rows: Tensor) -> Tensor:
            rows = rows.clamp(-limit, limit)
            logits = head(rows)
            top, choice = logits.max(1, keepdim=True)
            boundaries = (top - logits) * fitted["inverse"][choice[:, 0]]
            out = deviations(rows, fitted).norm(dim=1).clamp_min_(float(fitted["least"]))
            return -boundaries.sum(1) / (others * out)

        return by_rows(negated_ratio, features_of(outputs))
