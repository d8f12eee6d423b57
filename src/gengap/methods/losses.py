"""Cross-entropy of many examples at a time, with its gradient written out.

For logits ``z`` and class ``y`` the loss is ``log Σ_c exp(z_c) - z_y`` and its slope for the logits
``p - onehot(y)``, with ``p`` the softmax. Classes lie on the second axis: softmax over a short last
axis works on one example at a time, which takes as long as the network's products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Loss per example: ``logits (R, ..., C)`` and codes ``(R, ...)`` give ``(R, ...)``."""
    classes = logits.movedim(-1, 1).flatten(2)
    return _CrossEntropy.apply(classes, y.flatten(1)).view(y.shape)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, y: Tensor) -> Tensor:
        logarithm = torch.log_softmax(logits, 1)
        ctx.save_for_backward(logarithm, y)
        return -logarithm.gather(1, y[:, None])[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        logarithm, y = ctx.saved_tensors
        probability = logarithm.exp()
        residual = probability.scatter_(1, y[:, None], -1.0, reduce="add")
        return residual.mul_(slope[:, None]), None
