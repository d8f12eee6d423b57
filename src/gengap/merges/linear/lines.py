"""LiNeS: shallow layers stay near the base, deep ones keep what fine-tuning learned.

    θ_l = θ_base,l + λ_l Σ_k w_k τ_k,l,        λ_l = a + (b - a) l / (L - 1),   l = 0 ... L - 1,

with the task vectors ``τ_k = θ_k - θ_base``. General features live in shallow layers, where
fine-tuning changes what other tasks rest on and gains little; what is special to the task lives in
the deep ones. A line in depth from ``a`` small to ``b`` near 1 so keeps the target task and gives
back what was forgotten. Of one fine-tuning it is WiSE-FT with a share that grows with depth; at
``a = b`` it is WiSE-FT.

What is deep is worked out from names (:mod:`gengap.merges.layers`). Hurts where a shift is in the
first layers, such as of colours and sensors: those are then held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Place
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "lines",
    summary="from the base to fine-tuning by a share that grows with depth",
    paper=Paper(
        "LiNeS: post-training layer scaling prevents forgetting and enhances model merging",
        "Wang, Dimitriadis, Favero, Ortiz-Jimenez, Fleuret, Frossard",
        2024,
        "https://arxiv.org/abs/2410.17146",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class LiNeS(Combination):
    """Task vectors scaled linearly by depth."""

    first: float = hyperparameter(0.2, 0.0, 1.0, help="share of the change at the first layer")
    last: float = hyperparameter(1.0, 0.5, 1.0, help="share of the change at the last layer")
    piecewise: ClassVar[bool] = True

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """The share at this depth, divided between the models."""
        share = self.first + (self.last - self.first) * at.depth
        return [share * weight for weight in at.weights]
