"""Neuron activation coverage: are the units in states that training visited?

A unit's output says little without what the model makes of it. The state of unit ``j`` joins the
output ``z_j`` with its influence on the decision, through the divergence of the prediction ``p``
from the uniform distribution ``u``,

    a_j = sigmoid(α z_j ∂KL(u || p)/∂z_j),      ∂KL(u || p)/∂z = Wᵀ (p - u),

the second by the chain rule for features ``z`` before a last layer ``W``. A histogram of each
unit's states over training examples gives the coverage of a state, ``min(count, r) / r``: fully
covered once a share ``r`` of the examples fell into its bin. The score is minus the mean coverage
over units.

Source: Y. Liu, C. X. Tian, H. Li, L. Ma & S. Wang, Neuron activation coverage: rethinking
out-of-distribution detection and generalization, ICLR 2024, arXiv:2306.02879. There several
layers are joined; here it is the features alone, whose gradient has a closed form.

Helps where strangers combine known outputs with unusual decisions. Hurts when ``r`` or ``α`` do
not fit: a steep sigmoid puts all states into the two outer bins, a flat one into the middle one.
The default slope suits the size of features in small networks; the paper takes up to 3,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.outputs import EXAMPLES, bounded, by_examples, known_features
from gengap.models.outputs import Outputs, features_of, head_of, logits_of


@register_detector(
    "activation-coverage",
    summary="share of the units in states that training examples visited",
    paper=Paper(
        "Neuron activation coverage: rethinking out-of-distribution detection and generalization",
        "Liu, Tian, Li, Ma, Wang",
        2024,
        "https://arxiv.org/abs/2306.02879",
    ),
    needs=("logits", "features", "head"),
    cost="one pass back through the last layer and a look-up per unit",
)
@dataclass(frozen=True)
class ActivationCoverage(Detector):
    """Neuron activation coverage of the features."""

    steepness: float = hyperparameter(10.0, 1.0, 3000.0, log=True, help="slope of the sigmoid")
    bins: int = hyperparameter(50, 10, 500, log=True, help="bins of a unit's histogram")
    full: float = hyperparameter(
        0.01, 1e-4, 0.2, log=True, limit=1, help="share of examples that covers a bin fully"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Count the training examples in each bin of each unit."""
        weight = head_of(train).weight.detach()
        known_features(train), logits_of(train)
        counts = torch.zeros(weight.shape[1] * int(self.bins), dtype=torch.int64)
        for start in range(0, len(train), EXAMPLES):
            cells = self._cells(train.rows(slice(start, start + EXAMPLES)), weight)
            counts += torch.bincount(cells.flatten(), minlength=len(counts))
        coverage = (counts / max(self.full * len(train), 1)).clamp(max=1)
        return {"coverage": coverage.float(), "weight": weight.clone()}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the mean coverage of the units' states."""

        def uncovered(chunk: Outputs) -> Tensor:
            return -fitted["coverage"][self._cells(chunk, fitted["weight"])].mean(1)

        return by_examples(uncovered, outputs)

    def _cells(self, outputs: Outputs, weight: Tensor) -> Tensor:
        """Row ``(n, d)`` of each unit's state in the table of all units' bins."""
        bins = int(self.bins)
        states = unit_states(logits_of(outputs), features_of(outputs), weight, self.steepness)
        bin_ = (states * bins).long().clamp(max=bins - 1)
        return bin_ + bins * torch.arange(weight.shape[1])


def unit_states(logits: Tensor, features: Tensor, weight: Tensor, steepness: float) -> Tensor:
    """States ``(n, d)`` in [0, 1], in float64 so that no batch moves one across a bin's edge."""
    excess = bounded(logits).double().softmax(1) - 1 / weight.shape[0]
    return torch.sigmoid(steepness * bounded(features).double() * (excess @ weight.double()))
