"""RankFeat: take away what an example says everywhere, then ask for the energy.

Before pooling, an example's features are a matrix ``X (c, positions)``. With the singular values
``s_1 >= s_2 >= ...`` and vectors ``u, v`` it is ``Σ_i s_i u_i v_iᵀ``. Strangers have a larger
``s_1``, and the first term is what makes the network sure of them; without it,

    X' = X - s_1 u_1 v_1ᵀ,        s(x) = -log Σ_c exp(z_c(X')),

where ``z`` is the rest of the network: pooling and the last layer, and what lies between them. As
``s_1 u_1 v_1ᵀ = u_1 u_1ᵀ X``, and the other way around, one eigenvector of the smaller of ``X Xᵀ``
and ``Xᵀ X`` is all it takes. Nothing is learnt from training examples.

Source: Y. Song, N. Sebe & W. Wang, RankFeat: rank-1 feature removal for out-of-distribution
detection, NeurIPS 2022, arXiv:2209.08590.

Helps deep convolutional networks with many positions and channels, whose wrong confidence comes
from one direction. Hurts small maps, of which little is left, and networks whose right confidence
comes from there too. The map is the last whose units have several positions; perceptrons have none.
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
from gengap.detectors.tools.outputs import bounded, finite
from gengap.detectors.tools.softmax import class_logits
from gengap.models.outputs import Outputs


@register_detector(
    "rankfeat",
    summary="energy after the first singular vectors of the feature map are taken away",
    paper=Paper(
        "RankFeat: rank-1 feature removal for out-of-distribution detection",
        "Song, Sebe, Wang",
        2022,
        "https://arxiv.org/abs/2209.08590",
    ),
    needs=("inputs", "maps"),
    cost="a forward pass and an eigenvector of the smaller of channels and positions",
)
@dataclass(frozen=True)
class RankFeat(Detector):
    """Energy without the rank-1 part of the last feature map."""

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the logits of what is left."""
        network, inputs = outputs.maps, outputs.inputs
        if network is None or inputs is None:
            raise UsageError(
                "rankfeat changes the model's feature maps, so it needs its inputs and a layer "
                "with several positions; give a convolutional torch model."
            )

        def energy(rows: Tensor) -> Tensor:
            logits = class_logits(Outputs(network(rows, without_first)))
            return -finite(logits.nan_to_num()).logsumexp(1)

        return finite(by_rows(energy, inputs, least=32))


def without_first(maps: Tensor) -> Tensor:
    """Matrices ``(n, c, p)`` less their best approximations of rank 1."""
    tall = maps.shape[1] > maps.shape[2]
    rows = bounded(maps).nan_to_num()
    rows = rows.mT if tall else rows
    # Products overflow where features are huge; their scale changes no vector.
    size = rows.abs().amax((1, 2), keepdim=True)
    scaled = (rows / torch.where(size > 0, size, 1.0)).double()
    first = torch.linalg.eigh(scaled @ scaled.mT).eigenvectors[:, :, -1:]
    left = ((scaled - first @ (first.mT @ scaled)) * size).float()
    return left.mT if tall else left
