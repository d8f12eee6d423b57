"""The family that most merges belong to: each model gets one number for each layer.

With ``c_k`` the coefficient of model ``k``,

    θ = (1 - Σ_k c_k) θ_base + Σ_k c_k θ_k            without a base:  θ = Σ_k c_k θ_k.

Coefficients that sum to 1 leave nothing to the base; those that sum to less draw the models'
combination towards it, and those that sum to more go beyond the models. Fine-tuned from one base,
models tend to lie in one basin of the loss, and there the merge is nearly the ensemble of the
models at the cost of one. Trained apart from different starts they do not: align them first.
Statistics of BatchNorm layers are combined as well, which is not what passing data through the
merged model would give; passing training data through it in training mode mends them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.merges.base import Merge, Place


@dataclass(frozen=True)
class Combination(Merge):
    """Base of the family; subclasses give ``coefficients``, or ``weights`` where all layers agree.

    ``coefficients`` see the tensors, so that they may depend on angles between them.
    """

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """One number per model for this tensor; the weights of the models unless overridden.

        Where parts of a tensor may be merged apart they see of tensors only how many there are.
        """
        return at.weights

    def shares(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> tuple[float, Sequence[float]]:
        """What the base counts, 0 without one, and what each model counts."""
        numbers = self.coefficients(given, base, at)
        rest = 1 - math.fsum(numbers)
        # Coefficients such as three times 1/3 sum to 1 but for rounding.
        return (0.0 if base is None or abs(rest) < 1e-12 else rest), numbers

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """The combination, in the memory of one tensor."""
        rest, numbers = self.shares(given, base, at)
        if base is None:
            return combined(given, numbers)
        return combined([base, *given], [rest, *numbers])


def combined(tensors: Sequence[Tensor], numbers: Sequence[float]) -> Tensor:
    """``Σ_k c_k t_k``, in the memory of one tensor.

    Tensors with coefficient 0 are not read.
    """
    used = [(t, c) for t, c in zip(tensors, numbers, strict=True) if c]
    if not used:
        return torch.zeros_like(tensors[0])
    first, number = used[0]
    total = first * number
    for tensor, number in used[1:]:
        total.add_(tensor, alpha=number)
    return total
