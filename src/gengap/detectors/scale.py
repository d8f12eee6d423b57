"""SCALE: scale an example's features up by how concentrated they are, then ask for the energy.

ASH prunes and scales; the scaling alone separates better and leaves the predicted class as it is.
With features ``h``, of which only what is positive counts, and ``kept`` the largest share of them,

    h' = h exp(S / S_kept),        S = Σ_j h_j,   S_kept = Σ_{j kept} h_j,

and the score is the energy of the logits of ``h'``. Nothing is learnt from training examples.

Source: K. Xu, R. Chen, G. Franchi & A. Yao, Scaling for training time and post-hoc
out-of-distribution detection enhancement, ICLR 2024, arXiv:2310.00227.

Helps wide layers after a ReLU, where known examples excite a few units strongly and all others a
little. Hurts narrow layers: a stranger whose features are spread evenly has the largest
``S / S_kept`` and is scaled up the most.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.ash import scaling
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.heads import energies, kept_head
from gengap.models.outputs import Outputs, head_of


@register_detector(
    "scale",
    summary="energy after scaling an example's features by how concentrated they are",
    paper=Paper(
        "Scaling for training time and post-hoc out-of-distribution detection enhancement",
        "Xu, Chen, Franchi, Yao",
        2024,
        "https://arxiv.org/abs/2310.00227",
    ),
    needs=("features", "head"),
    cost="sorting the features and one pass through the last layer",
)
@dataclass(frozen=True)
class Scale(Detector):
    """Energy of scaled features."""

    left_out: float = hyperparameter(
        0.65, 0.5, 0.95, limit=1, help="share of an example's features that do not count as large"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Keep the last layer; there is nothing else to learn."""
        return kept_head(head_of(train))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the logits after scaling."""

        def scaled(features: Tensor) -> Tensor:
            positive = features.clamp(min=0)
            return positive * scaling(positive, self.left_out)[1]

        return energies(fitted, outputs, scaled)
