"""ReBias: a representation that is independent of one that is biased by design.

What a shortcut is need not be known where it is known what sort of model takes it: a texture shows
in small patches, and in a table what a *line* through the columns already tells. Such a model ``g``
trains beside the network ``f``, and the network's answers are to be independent of it,

    f:  min  R(f) + λ HSIC(f, g),          g:  min  R(g) - λ HSIC(f, g).

The biased model climbs the dependence that the network descends, so that of all biased models it
becomes the one nearest to ``f``. Dependence is measured by kernels: with ``K``, ``L`` the Gram
matrices of the logits of ``f`` and of ``g`` over the batch, Gaussian, as wide as points are apart
on average, and ``H`` centring them,

    HSIC = tr(K H L H) / n²,    here over  sqrt(tr(K H K H) tr(L H L H)) / n²,

which lies between 0 and 1 whatever the logits' scale. ``g`` is linear in the flattened inputs.

Helps where a shortcut is simpler than what the target means, with no environment labels at all.
Hurts where a line is right: the network is then asked to be wrong. ``λ`` decides how far, and at 0
this is plain training beside a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.heads import drawn_layer
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, register
from gengap.models.layers import linear
from gengap.models.networks import Network, Parameters


@register(
    "rebias",
    summary="asks for answers independent of those of a line, which is biased by design",
    paper=Paper(
        "Learning de-biased representations with biased representations",
        "Bahng, Chun, Yun, Choo, Oh",
        2020,
        "https://arxiv.org/abs/1910.02806",
    ),
    needs=(NUMERIC_INPUTS, ONE_TARGET),
)
@dataclass(frozen=True)
class ReBias(Method):
    """Independence of a linear model; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(
        0.3, 0.05, 3.0, log=True, help="weight of the dependence on the linear model"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The linear model."""
        return drawn_layer("line", context.inputs, context.outputs, generator)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Both risks, with the dependence added for the network and taken off for the line."""
        logits = network(batch.x).logits
        own = network.parameters
        line = linear(batch.x.flatten(3), own["line.weight"], own["line.bias"])
        told, simple = logits.flatten(1, 2), line.flatten(1, 2)
        down, up = dependence(told, simple.detach()), dependence(told.detach(), simple)
        risks = batch.risks(logits).mean(1) + batch.risks(line).mean(1)
        return risks + self.penalty * (down - up)


def dependence(first: Tensor, second: Tensor) -> Tensor:
    """Normalised HSIC ``(R,)`` of two sets of paired points ``(R, n, ·)``."""
    one, other = centred_kernel(first), centred_kernel(second)
    both = (one * other).sum((1, 2))
    lengths = one.square().sum((1, 2)) * other.square().sum((1, 2))
    return both / lengths.clamp(min=1e-12).sqrt()


def centred_kernel(points: Tensor) -> Tensor:
    """Gaussian Gram matrices ``(R, n, n)`` whose rows and columns sum to zero.

    The width is the mean squared distance, held fixed in the gradient.
    """
    points = points - points.mean(1, keepdim=True)
    lengths = points.square().sum(-1)
    away = lengths[:, :, None] + lengths[:, None] - 2 * points @ points.transpose(1, 2)
    scale = 2 * lengths.detach().mean(1).clamp(min=torch.finfo(points.dtype).tiny)
    kernel = torch.exp(-away.clamp(min=0) / (2 * scale)[:, None, None])
    rows, columns = kernel.mean(2, keepdim=True), kernel.mean(1, keepdim=True)
    return kernel - rows - columns + kernel.mean((1, 2), keepdim=True)
