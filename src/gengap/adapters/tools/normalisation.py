"""Normalisation layers: which there are, and batch normalisation by the batch that is answered.

Batch normalisation subtracts a mean and divides by a standard deviation that were collected in
training. Where the inputs moved, the batch's own fit better, if there are enough examples to tell
them. With ``n`` examples and a prior worth ``N`` the two are weighted as if ``N`` training examples
had been in the batch (Schneider et al. 2020),

    mean = (N mean_s + n mean_t) / (N + n),      variance = (N var_s + n var_t) / (N + n).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gengap.base.errors import UsageError


class BlendedBatchNorm(nn.Module):
    """Batch normalisation by the batch's statistics and those of training.

    Args:
        trained: the layer that it stands for, whose affine parameters and statistics it shares.
        prior: how many training examples the old statistics are worth.

    Attributes:
        holding: whether the statistics of the last pass are used instead of the batch's.
        held: those statistics, one pair for each time that the layer ran in the pass.
    """

    def __init__(self, trained: _BatchNorm, prior: float) -> None:
        super().__init__()
        self.weight, self.bias = trained.weight, trained.bias
        self.eps, self.prior = trained.eps, float(prior)
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.register_buffer("running_mean", trained.running_mean)
        self.register_buffer("running_var", trained.running_var)
        self.holding = False
        self.held: list[tuple[Tensor, Tensor]] = []
        self.turn = 0
        self.train(trained.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(n, c, ...)``."""
        if self.holding and self.turn < len(self.held):
            mean, variance = self.held[self.turn]
            self.turn += 1
        else:
            mean, variance = self.statistics(x)
            self.held.append((mean.detach(), variance.detach()))
        shape = (1, -1) + (1,) * (x.dim() - 2)
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)

    def begin(self) -> None:
        """A pass begins; unless they are held, statistics of the one before are forgotten."""
        self.turn = 0
        if not self.holding:
            self.held = []

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance ``(c,)`` that the batch is normalised by."""
        own = [0, *range(2, x.dim())]
        old = (self.running_mean, self.running_var) if self.prior > 0 else (None, None)
        if old[0] is None and x.numel() == x.shape[1]:
            raise UsageError(
                "Statistics of a batch need more than one example; give larger batches, or let "
                "those of training count with prior=16."
            )
        if old[0] is not None:
            x = x.to(old[0].dtype)  # which differ under autocast
        variance, mean = torch.var_mean(x, own, correction=0)
        if old[0] is None or old[1] is None:
            return mean, variance
        share = self.prior / (self.prior + len(x))
        return torch.lerp(mean, old[0], share), torch.lerp(variance, old[1], share)


def blend_batch_normalisation(model: nn.Module, prior: float) -> list[BlendedBatchNorm]:
    """Put :class:`BlendedBatchNorm` in place of a model's batch normalisation; returns them."""
    found: dict[nn.Module, BlendedBatchNorm] = {}
    for parent in list(model.modules()):
        # Not named_children, which leaves out the second name of a layer that has two.
        for name, child in list(parent._modules.items()):
            if isinstance(child, _BatchNorm):
                made = found.setdefault(child, BlendedBatchNorm(child, prior))
                setattr(parent, name, made)
    model.register_forward_pre_hook(_begin_layers)
    return list(found.values())


def _begin_layers(model: nn.Module, given: Any) -> None:
    for layer in model.modules():
        if isinstance(layer, BlendedBatchNorm):
            layer.begin()


_NORMALISING = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.InstanceNorm1d,
                nn.InstanceNorm2d, nn.InstanceNorm3d)  # fmt: skip


def normalisation_layers(model: nn.Module) -> Iterator[nn.Module]:
    """Layers that normalise: of PyTorch, and those of others that are called so."""
    for module in model.modules():
        if type(module).__name__.endswith("Norm") or isinstance(module, _NORMALISING):
            yield module


def has_normalisation(model: nn.Module) -> bool:
    """Whether a model has normalisation layers with parameters of their own."""
    return any(next(m.parameters(False), None) is not None for m in normalisation_layers(model))


def has_batch_normalisation(model: nn.Module) -> bool:
    """Whether a model has batch normalisation."""
    return any(isinstance(m, _BatchNorm | BlendedBatchNorm) for m in model.modules())


def affine_parameters(model: nn.Module, adapter: str) -> list[nn.Parameter]:
    """Scales and shifts of the normalisation layers, made to take gradients.

    Raises:
        UsageError: there are none.
    """
    found = {
        id(p): p for module in normalisation_layers(model) for p in module.parameters(recurse=False)
    }
    if not found:
        raise UsageError(
            f"{adapter} needs normalisation layers with scales and shifts; the model has none, use "
            "an adapter that needs none (gengap adapters)."
        )
    for parameter in found.values():
        parameter.requires_grad_(True)
    return list(found.values())
