"""VRA: silence small features and cap large ones, then ask for the energy.

What change of the features, small in squares, makes known examples stand out most from strangers?
The variational answer suppresses values that are rare among known examples and frequent among
strangers, the very small and the very large. In its simplest form, with α and β percentiles of the
training activations of all units,

    h' = 0 where h < α,   h between,   β where h > β,

and the score is the energy of the logits of h'. ReAct is the case without α.

Source: M. Xu, Z. Lian, B. Liu & J. Tao, VRA: variational rectified activation for
out-of-distribution detection, NeurIPS 2023, arXiv:2302.11716.

Helps wide layers after a ReLU. Hurts where small features carry the class, as negative ones may,
and narrow layers, of which little is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.heads import energies, kept_head
from gengap.detectors.tools.outputs import known_features
from gengap.models.outputs import Outputs, head_of


@register_detector(
    "vra",
    summary="energy after silencing small features and capping large ones",
    paper=Paper(
        "VRA: variational rectified activation for out-of-distribution detection",
        "Xu, Lian, Liu, Tao",
        2023,
        "https://arxiv.org/abs/2302.11716",
    ),
    needs=("features", "head"),
    cost="one pass through the last layer",
)
@dataclass(frozen=True)
class Vra(Detector):
    """Energy of features between two percentiles."""

    small: float = hyperparameter(
        0.5, 0.0, 0.7, limit=1, help="share of the training activations that is silenced"
    )
    large: float = hyperparameter(
        0.95, 0.8, 1.0, limit=1, help="share of the training activations below the cap"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Take both percentiles from the activations of all units together."""
        values = known_features(train).numpy()
        ends = np.quantile(values, [self.small, max(self.small, self.large)])
        return {"ends": torch.from_numpy(ends).float()} | kept_head(head_of(train))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the logits of what is left."""
        low, high = fitted["ends"]

        def rectified(features: Tensor) -> Tensor:
            return features.minimum(high).where(features >= low, 0)

        return energies(fitted, outputs, rectified)
