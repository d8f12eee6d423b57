"""DARE: drop most of each change at random, and make up for it.

Of each task vector ``τ_k = θ_k - θ_base`` every entry survives with probability ``d`` and is then
divided by it, so that the expectation stays; the sparse vectors rarely meet, and are added:

    θ = θ_base + λ Σ_k B_k τ_k / d,        entries of B_k Bernoulli(d).

What fine-tuning changes is so redundant that even ``d = 0.1`` costs little, as long as changes are
small, and what is added of several tasks interferes less. With preferences ``w_k`` a task counts
``λ K w_k``. At ``d = 1`` it is task arithmetic. Hurts where changes are large, as after long
fine-tuning: then the variance that the division brings, ``τ² (1 - d) / d``, is large too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Choice, Place
from gengap.merges.linear.task_arithmetic import TaskArithmetic
from gengap.merges.pieces import pieces
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "dare",
    summary="task arithmetic with most changes dropped at random and the rest scaled up",
    paper=Paper(
        "Language models are super mario: absorbing abilities from homologous models as a free "
        "lunch",
        "Yu, Yu, Yu, Huang, Li",
        2024,
        "https://arxiv.org/abs/2311.03099",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class Dare(TaskArithmetic):
    """Drop and rescale, then add; what is drawn depends on the seed and the tensor's name."""

    density: float = hyperparameter(0.1, 0.05, 0.9, limit=1, help="share of entries that stay")
    piecewise = False

    def weights(self, choice: Choice) -> Sequence[float]:
        """As task arithmetic.

        Raises:
            UsageError: nothing would survive.
        """
        if not self.density > 0:
            raise UsageError("density is 0, at which DARE drops everything; give more.")
        return choice.alike

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """In the memory of one tensor beside those given."""
        assert base is not None
        numbers = [c / self.density for c in self.coefficients(given, base, at)]
        out = torch.empty_like(base, memory_format=torch.contiguous_format)
        for made, start, *models in pieces([out, base, *given]):
            made.copy_(start)
            for part, number in zip(models, numbers, strict=True):
                # Drawn on the processor whatever the tensor, so that it is the same everywhere.
                kept = torch.rand(len(start), generator=at.generator) < self.density
                made.add_((part - start).mul_(kept.to(start.device)), alpha=number)
        return out
