"""What methods that see outliers share: logits of inliers and of the others, and energies."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.methods.batch import Batch
from gengap.models.networks import Network


def both(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits of the batch ``(R, E, B, C)`` and of the others ``(R, U, C)``, from one pass."""
    assert batch.unlabelled is not None
    known = batch.x.flatten(1, 2)
    logits = network(torch.cat([known, batch.unlabelled], 1)).logits
    inliers, others = logits.split([known.shape[1], batch.unlabelled.shape[1]], 1)
    return inliers.unflatten(1, batch.x.shape[1:3]), others


def energy(logits: Tensor) -> Tensor:
    """Energy ``(..., n)`` of logits ``(..., n, C)``; larger is stranger."""
    return -torch.logsumexp(logits, -1)
