"""The family of masked task vectors: which entries of each fine-tuning's change survive, and how.

With task vectors ``τ_k = θ_k - θ_base`` and masks ``m_k`` of zeros and ones,

    θ = θ_base + λ  Σ_k w_k m_k τ_k / Σ_k w_k m_k         (mean over those that claim an entry)

and the base where none does. TIES takes for ``m_k`` the largest entries that agree in sign with the
majority, grafting the largest of the whole model, SAFT those of the largest gradients. Entries are
worked through in pieces that stay in a core's own memory, so that a merge costs little more than
reading its models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gengap.merges.pieces import pieces


def magnitudes(tensor: Tensor, base: Tensor) -> Tensor:
    """``|τ|`` in new memory."""
    return torch.sub(tensor, base).abs_()


def claimed_mean(
    given: Sequence[Tensor],
    base: Tensor,
    claims: Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]],
    beside: Sequence[Tensor],
    weights: Sequence[float],
    scale: float,
) -> Tensor:
    """The base plus ``scale`` times the mean of each entry over the models that claim it.

    Args:
        claims: of task vectors and tensors beside them, pieces ``(n,)`` each, the masks as bool.
        beside: further tensors that the claims read.
    """
    out = torch.empty_like(base, memory_format=torch.contiguous_format)
    for made, start, *others in pieces([out, base, *given, *beside]):
        vectors = [tensor - start for tensor in others[: len(given)]]
        masks = claims(vectors, others[len(given) :])
        total, count = torch.zeros_like(start), torch.zeros_like(start)
        for vector, mask, weight in zip(vectors, masks, weights, strict=True):
            part = mask.to(start.dtype).mul_(weight)
            count.add_(part)
            total.addcmul_(part, vector)
        # Where nobody claims the total is 0 as well.
        total.div_(count.clamp_(min=torch.finfo(count.dtype).tiny))
        torch.add(start, total, alpha=scale, out=made)
    return out
