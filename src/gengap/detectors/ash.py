"""ASH-S: prune most of an example's features, scale up the rest, then ask for the energy.

Most of a late layer is redundant for the known classes. Per example, with features ``h >= 0``,
ASH sets all but the largest share of them to 0 and multiplies those by

    exp(S / S_kept),        S = Σ_j h_j,   S_kept = Σ_{j kept} h_j,

and takes the energy of the resulting logits. Scaling separates strangers: their logits are small
before it and gain little by it. Nothing is learnt from training examples.

Source: A. Djurisic, N. Bozanic, A. Ashok & R. Liu, Extremely simple activation shaping for
out-of-distribution detection, ICLR 2023, arXiv:2209.09858.

Helps wide layers after a ReLU. Negative features cannot be shaped so and count as 0, which hurts
where they carry the class. Hurts narrow layers: a stranger whose features are spread evenly has a
large ``S / S_kept`` and is scaled up the most; the 90% that the paper prunes of 2,048 units put
strangers below known examples with 128 (see docs/results.md), hence the default.
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
from gengap.models.outputs import Outputs, head_of

MOST_SCALING = 50.0  # an exponent that cannot overflow; reached only when under 2% is kept


@register_detector(
    "ash",
    summary="energy after pruning most features of an example and scaling the rest",
    paper=Paper(
        "Extremely simple activation shaping for out-of-distribution detection",
        "Djurisic, Bozanic, Ashok, Liu",
        2023,
        "https://arxiv.org/abs/2209.09858",
    ),
    needs=("features", "head"),
    cost="sorting the features and one pass through the last layer",
)
@dataclass(frozen=True)
class Ash(Detector):
    """Energy of shaped features (ASH-S)."""

    pruned: float = hyperparameter(
        0.65, 0.5, 0.95, limit=1, help="share of an example's features set to 0"
    )

    def fit(self, train: Outputs) -> Fitted:
        """Keep the last layer; there is nothing else to learn."""
        return kept_head(head_of(train))

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-sum-exp of the logits after shaping."""
        return energies(fitted, outputs, lambda features: shaped(features, self.pruned))


def shaped(features: Tensor, pruned: float) -> Tensor:
    """Features ``(n, d)`` with all but the largest set to 0 and those scaled; ties are kept."""
    positive = features.clamp(min=0)
    least, factor = scaling(positive, pruned)
    return positive.where(positive >= least, 0) * factor


def scaling(positive: Tensor, pruned: float) -> tuple[Tensor, Tensor]:
    """The least value that counts as large, and ``exp(S / S_kept)``; ``(n, 1)`` each."""
    kept = max(positive.shape[1] - round(pruned * positive.shape[1]), 1)
    least = positive.topk(kept, sorted=True).values[:, -1:]
    whole = positive.sum(1, keepdim=True)
    rest = positive.where(positive >= least, 0).sum(1, keepdim=True)
    return least, torch.where(rest > 0, whole / rest, 1).clamp(max=MOST_SCALING).exp()
