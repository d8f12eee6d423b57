"""Task arithmetic: what fine-tunings learned is added up.

A task vector is what fine-tuning changed, ``τ_k = θ_k - θ_base``. Then

    θ = θ_base + λ Σ_k τ_k

does all the tasks at once, as far as their vectors are nearly orthogonal; with preferences ``w_k``
that sum to 1 a task counts ``λ K w_k``. For ``λ = 1/K`` it is the average; larger keeps each task's
whole change, and more than the models agree on is overshot. Without validation examples 0.4 serves
(Yadav et al. 2023). Helps where tasks differ, and hurts where several models learned one and the
same, for then it is counted ``K`` times: average those.
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
    "task-arithmetic",
    summary="the base plus a multiple of all that fine-tunings changed",
    paper=Paper(
        "Editing models with task arithmetic",
        "Ilharco, Ribeiro, Wortsman, Gururangan, Schmidt, Hajishirzi, Farhadi",
        2023,
        "https://arxiv.org/abs/2212.04089",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class TaskArithmetic(Combination):
    """Sum of the task vectors."""

    scale: float = hyperparameter(0.4, 0.1, 1.0, help="multiple of the sum of task vectors")
    piecewise: ClassVar[bool] = True

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """The scale for each model, unless some are preferred."""
        return [self.scale * len(given) * weight for weight in at.weights]
