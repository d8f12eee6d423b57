"""DICE: listen only to the weights that mattered in training, then ask for the energy.

The logits sum many small contributions ``w_cj h_j``; those of units that say nothing about a
class are noise, and noise differs most on inputs from elsewhere. With the mean contribution of
each weight in training,

    V_cj = w_cj · mean_i h_j(x_i),

DICE keeps the largest share of all weights by ``V``, sets the others to 0, and takes the energy
of the sparse layer, ``s(x) = -log Σ_c exp((M ∘ w)_c · h(x) + b_c)``.

Source: Y. Sun & Y. Li, DICE: leveraging sparsification for out-of-distribution detection,
ECCV 2022, arXiv:2111.09805.

Helps wide, overparameterised last layers, where most weights are noise. Hurts narrow ones: of 32
units a tenth is too few to tell the classes apart. The default prunes 70%, the paper's choice for
ImageNet, rather than the 90% it takes for networks of hundreds of units and ten classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.heads import energies, kept_head
from gengap.detectors.tools.moments import column_means
from gengap.detectors.tools.outputs import known_features
from gengap.models.outputs import Head, Outputs, head_of


@register_detector(
    "dice",
    summary="energy through the weights that contribute most in training",
    paper=Paper(
        "DICE: leveraging sparsification for out-of-distribution detection",
        "Sun, Li",
        2022,
        "https://arxiv.org/abs/2111.09805",
    ),
    needs=("features", "head"),
    cost="one pass through the last layer",
)
@dataclass(frozen=True)
class Dice(Detector):
    """Energy of a sparse last layer; with ``pruned`` 0 it is the energy score."""

    pruned: float = hyperparameter(
        0.7, 0.1, 0.99, limit=1, help="share of the last layer's weights set to 0"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Keep the weights with the largest mean contributions; at least one."""
        features = known_features(train)
        head = head_of(train)
        weight = head.weight.detach()
        contribution = weight.double() * column_means(features).double()
        kept = max(round((1 - self.pruned) * weight.numel()), 1)
        most = contribution.flatten().argsort(descending=True, stable=True)[:kept]
        sparse = torch.zeros_like(weight).flatten()
        sparse[most] = weight.flatten()[most]
        return kept_head(Head(sparse.view_as(weight), head.bias))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the sparse layer's logits."""
        return energies(fitted, outputs)
