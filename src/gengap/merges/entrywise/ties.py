"""TIES: trim what changed little, elect a sign, and average those that agree.

Fine-tunings on different tasks interfere: what one changed for its own sake, the mean with others
that left it alone divides by ``K``, and changes of opposite signs cancel. For each tensor

1. *trim*: of each task vector ``τ_k = θ_k - θ_base`` the largest share of entries stays, by
   magnitude; the others become 0;
2. *elect*: the sign of an entry is that of ``Σ_k w_k τ_k``, the one with more mass behind it;
3. *merge*: ``θ = θ_base + λ`` mean of those ``τ_k`` that are not 0 and have the elected sign.

The paper trims each task vector as a whole; here each tensor is trimmed by itself, so that models
need not be held in memory, and no layer falls silent because another moved further. Helps where
many tasks are merged. Of fine-tunings on one task it throws away what an average would keep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Merge, Place
from gengap.merges.entrywise.selection import smallest_kept
from gengap.merges.pieces import pieces
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "ties",
    summary="the largest changes of each fine-tuning, where the sign is that of the majority",
    paper=Paper(
        "TIES-merging: resolving interference when merging models",
        "Yadav, Tam, Choshen, Raffel, Bansal",
        2023,
        "https://arxiv.org/abs/2306.01708",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class Ties(Merge):
    """Trim, elect, merge."""

    density: float = hyperparameter(0.2, 0.05, 0.5, limit=1, help="share of entries that stay")
    scale: float = hyperparameter(1.0, 0.5, 1.5, help="multiple of what was merged")

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """In the memory of one tensor beside those given."""
        assert base is not None
        least = [smallest_kept(tensor, base, self.density) for tensor in given]
        out = torch.empty_like(base, memory_format=torch.contiguous_format)
        for made, start, *models in pieces([out, base, *given]):
            vectors = [trimmed(m - start, kept) for m, kept in zip(models, least, strict=True)]
            torch.add(
                start, elected_mean(torch.stack(vectors), at.weights), alpha=self.scale, out=made
            )
        return out


def trimmed(vector: Tensor, least: float) -> Tensor:
    """A task vector with the entries below a magnitude 0."""
    if not least:
        return vector
    below = math.nextafter(least, 0.0)
    if vector.dtype == torch.float32:
        below = float(np.nextafter(np.float32(least), np.float32(0)))
    # Shrinkage zeroes magnitudes up to its limit, and leaves the others as they are.
    return torch.nn.functional.hardshrink(vector, below)


def elected_mean(vectors: Tensor, weights: Sequence[float]) -> Tensor:
    """Mean over the entries ``(K, n)`` that have the sign of the weighted sum; 0 where that is 0.

    Changed in place.
    """
    sizes = vectors.new_tensor(weights)[:, None] * len(weights)
    alike = bool((sizes == 1).all())
    if not alike:
        vectors.mul_(sizes)
    sign = vectors.sum(0).sign_()
    # Turned so that the elected sign is plus, what disagrees is below 0.
    agreeing = vectors.mul_(sign).clamp_(min=0)
    claims = (agreeing > 0).to(vectors.dtype)
    count = claims.sum(0) if alike else claims.mul_(sizes).sum(0)
    return agreeing.sum(0).mul_(sign).div_(count.clamp_(min=torch.finfo(count.dtype).tiny))
