"""Fisher-weighted averaging: each entry counts in each model as much as it matters there.

Take each model's posterior as a Gaussian around its weights with the diagonal of the Fisher
information ``F_k`` as precision. The weights with the largest product of the posteriors are

    θ = Σ_k w_k F_k θ_k / Σ_k w_k F_k,        F_k = E_x E_{y ~ p_k(y|x)} (∂ log p_k(y|x) / ∂θ)²,

entry by entry; where no model cares, the mean. :func:`gengap.merges.importance.fisher` works
``F_k`` out, or any other squares that say how much an entry matters.

Helps where models were trained on different tasks or amounts of data. Models that differ in how
sure they are differ in the size of ``F`` too, and the unsure then drown the sure: where that is not
meant, bring each ``F_k`` to one mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.merges.base import Merge, Place
from gengap.merges.linear.combination import combined
from gengap.merges.registry import IMPORTANCE, register_merge


@register_merge(
    "fisher",
    summary="mean of each entry, weighted by how much it matters in each model",
    paper=Paper(
        "Merging models with Fisher-weighted averaging",
        "Matena, Raffel",
        2022,
        "https://arxiv.org/abs/2111.09832",
    ),
    needs=(IMPORTANCE,),
)
@dataclass(frozen=True)
class Fisher(Merge):
    """Mean weighted by importance, entry by entry."""

    piecewise: ClassVar[bool] = True

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """In the memory of two tensors beside those given.

        Raises:
            UsageError: there is no importance.
        """
        if at.importance is None:
            raise UsageError(f"Fisher merging needs {IMPORTANCE}; give importance.")
        total, count = torch.zeros_like(given[0]), torch.zeros_like(given[0])
        for tensor, part, weight in zip(given, at.importance, at.weights, strict=True):
            total.add_(tensor * part, alpha=weight)
            count.add_(part, alpha=weight)
        # Below the smallest normal number a quotient of two such sums has few right digits.
        matters = count > torch.finfo(count.dtype).tiny
        return torch.where(matters, total / count, combined(given, at.weights))
