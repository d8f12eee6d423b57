"""ReAct: cap what single units can say, then ask for the energy.

On inputs from elsewhere a few units of the last layer fire far above anything in training and
make the model confident. ReAct caps all features ``h`` at one number ``c``, a high percentile of
all units' activations on training examples, and takes the energy of the logits that are left,

    s(x) = -log Σ_c exp(w_c · min(h(x), c) + b_c).

Source: Y. Sun, C. Guo & Y. Li, ReAct: out-of-distribution detection with rectified activations,
NeurIPS 2021, arXiv:2111.12797.

Helps where strangers excite a few units abnormally, as in wide networks with batch normalisation.
Hurts little where they do not: with ``c`` above all activations it is the energy score. It sees
nothing in inputs whose features are small or negative.
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
    "react",
    summary="energy after capping the features at a percentile of training",
    paper=Paper(
        "ReAct: out-of-distribution detection with rectified activations",
        "Sun, Guo, Li",
        2021,
        "https://arxiv.org/abs/2111.12797",
    ),
    needs=("features", "head"),
    cost="one pass through the last layer",
)
@dataclass(frozen=True)
class ReAct(Detector):
    """Energy of capped features; a ``share`` of 1 caps nothing that training reaches."""

    share: float = hyperparameter(
        0.9, 0.5, 1.0, limit=1, help="share of the training activations below the cap"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Take the cap from the activations of all units together."""
        activations = known_features(train)
        cap = np.quantile(activations.numpy(), self.share)
        return {"cap": torch.tensor(cap, dtype=torch.float32)} | kept_head(head_of(train))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the logits after capping."""
        return energies(fitted, outputs, lambda features: features.minimum(fitted["cap"]))
