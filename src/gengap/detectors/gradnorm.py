"""GradNorm: the last layer would have to change little to be unsure.

Ask by how much the loss of answering "all classes alike" would move the last layer's weights. The
gradient of KL(uniform || softmax(W h + b)) with respect to W is (p - 1/C) h', so its L1 norm is a
product of two numbers that the forward pass already gives,

    || h ||_1 · sum_c | p_c - 1/C |,

large for known examples: long features, a sure answer. The score is minus that.

Source: R. Huang, A. Geng & Y. Li, On the importance of gradients for detecting distributional
shifts in the wild, NeurIPS 2021, arXiv:2110.00218.

Helps where strangers have short features and unsure answers. Hurts where features of strangers are
long, as far away they are, and where all answers are sure, which leaves the length alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.heads import head_of_fitted, kept_head
from gengap.detectors.tools.outputs import bounded
from gengap.models.outputs import Outputs, features_of, head_of


@register_detector(
    "gradnorm",
    summary="a small gradient of the last layer towards answering all classes alike",
    paper=Paper(
        "On the importance of gradients for detecting distributional shifts in the wild",
        "Huang, Geng, Li",
        2021,
        "https://arxiv.org/abs/2110.00218",
    ),
    needs=("features", "head"),
    cost="one pass through the last layer",
)
@dataclass(frozen=True)
class GradNorm(Detector):
    """Minus the L1 norm of the last layer's gradient, in closed form."""

    def fit(self, train: Outputs) -> Fitted:
        """Keep the last layer; there is nothing else to learn."""
        head = head_of(train)
        if len(head.weight) < 2:
            raise UsageError("gradnorm needs a head of at least 2 classes; this one has 1 output.")
        return kept_head(head)

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the features' length times the distance from equal probabilities."""
        head = head_of_fitted(fitted)

        def norm(rows: Tensor) -> Tensor:
            rows = bounded(rows)
            unsure = 1 / len(head.weight)
            return -rows.abs().sum(1) * (head(rows).softmax(1) - unsure).abs().sum(1)

        return by_rows(norm, features_of(outputs))
