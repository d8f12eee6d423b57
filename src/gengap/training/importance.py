"""What merging asks of the training rows: how much a weight matters, and statistics of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gengap.methods.batch import Batch, Context, present
from gengap.methods.heads import SHARE
from gengap.models.networks import Network, Parameters, gradients_of

MOST_EXAMPLES = 512  # whose gradients are squared; the mean settles long before
AT_ONCE = 64


def importance_of(feed: Any, context: Context, networks: Sequence[Network]) -> list[Parameters]:
    """Mean square of the gradient of an example's log-likelihood, of every weight of each network.

    The diagonal of the Fisher information, of the labels that the training rows have (the
    "empirical" one). Of values the likelihood is Gaussian, so the error is squared.

    Args:
        feed: of one run, with ``everything``.
    """
    first, x, y = _examples(feed, context)
    take = torch.linspace(0, len(x) - 1, min(len(x), MOST_EXAMPLES)).long()
    return [_squared(network, first, x[take], y[take]) for network in networks]


def magnitudes_at(feed: Any, context: Context, network: Network) -> Parameters:
    """Magnitude of the gradient of the mean loss over training rows, of every weight.

    What tells which weights fine-tuning is to change, where it begins (SAFT).

    Args:
        feed: of one run, with ``everything``.
        network: a fleet of one, as training began.
    """
    first, x, y = _examples(feed, context)
    own = {name: p.detach().clone().requires_grad_() for name, p in _learnt(network).items()}
    with torch.enable_grad():
        logits = network.at(network.parameters | own)(x[None, None]).logits
        loss = replace(first, y=y[None, None], mask=None).losses(logits).mean()
        slopes = gradients_of(loss, own)
    still = {name: torch.zeros_like(p[0]) for name, p in network.parameters.items()}
    return still | {name: slope[0].abs() for name, slope in slopes.items()}


def _examples(feed: Any, context: Context) -> tuple[Batch, Tensor, Tensor]:
    """Training rows: a batch, inputs ``(n, *shape)`` and targets ``(n,)`` or ``(n, k)`` in it."""
    (first, *_) = feed.everything(0, context)
    there = present(first.mask)
    return first, first.x[there], first.y[there]


def _learnt(network: Network) -> Parameters:
    """What a gradient moves; the logarithm of a head's share has no slope where that is 0."""
    own = network.parameters.items()
    return {name: p.detach() for name, p in own if p.is_floating_point() and name != SHARE}


def _squared(network: Network, batch: Batch, x: Tensor, y: Tensor) -> Parameters:
    module: nn.Module | None = getattr(network.architecture, "_module", None)
    recurs = module is not None and any(isinstance(m, nn.RNNBase) for m in module.modules())
    slopes_of = _by_copies if recurs or network.architecture.vectorises else _by_map
    at_once = 1 if recurs else AT_ONCE
    total = {name: torch.zeros_like(p[0]) for name, p in network.parameters.items()}
    learnt = _learnt(network)
    for rows, targets in zip(x.split(at_once), y.split(at_once), strict=True):
        try:
            parts = [slopes_of(network, learnt, batch, rows, targets)]
        except RuntimeError:  # layers that cannot be mapped
            alone = zip(rows.split(1), targets.split(1), strict=True)
            parts = [_by_copies(network, learnt, batch, *one) for one in alone]
        for slopes in parts:
            for name, slope in slopes.items():
                total[name] += (slope**2).sum(0) / len(x)
    return total


def _by_copies(
    network: Network, learnt: Parameters, batch: Batch, x: Tensor, y: Tensor
) -> Parameters:
    """Slopes ``(n, ...)`` of each example: copies of a network on one each are a fleet."""
    rest = network.parameters
    own = {name: p.expand(len(x), *p.shape[1:]).clone() for name, p in (rest | learnt).items()}
    asked = {name: own[name].requires_grad_() for name in learnt}
    with torch.enable_grad():
        logits = network.at(own)(x[:, None, None]).logits
        alone = replace(batch, y=y[:, None, None], mask=None)
        return gradients_of(alone.losses(logits).sum(), asked)


def _by_map(network: Network, learnt: Parameters, batch: Batch, x: Tensor, y: Tensor) -> Parameters:
    """The same of a module that is no fleet, by PyTorch's own map over examples."""
    with torch.no_grad():
        logits = network(x[None, None]).logits.requires_grad_()
    with torch.enable_grad():
        losses = replace(batch, y=y[None, None], mask=None).losses(logits)
        (slopes,) = torch.autograd.grad(losses.sum(), logits)

    def along(own: Parameters, one: Tensor, slope: Tensor) -> Tensor:
        said = network.at(network.parameters | own)(one[None, None, None]).logits
        return (said[0, 0, 0] * slope).sum()

    each = torch.func.vmap(torch.func.grad(along), (None, 0, 0))(learnt, x, slopes[0, 0])
    return {name: slope.squeeze(1) for name, slope in each.items()}


def normalised_anew(network: Network, feed: Any, context: Context) -> None:
    """Gather the statistics of layers that normalise by them anew from training rows, in place.

    Of batch normalisation, and of normalisation of instances where it tracks them.
    """
    module: nn.Module | None = getattr(network.architecture, "_module", None)
    every = [] if module is None else list(module.modules())
    layers = [m for m in every if isinstance(m, nn.modules.batchnorm._NormBase)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.train()
    there = [(part.x, part.mask) for part in feed.everything(0, context)]
    parts, seen = [x[present(mask)] for x, mask in there if mask is not None], 0
    if len(parts) > 1 and len(parts[-1]) == 1:  # one row alone has no variance
        parts[-2:] = [torch.cat(parts[-2:])]
    with torch.no_grad():
        for x in parts:
            seen += len(x)
            for layer in layers:
                layer.momentum = len(x) / seen  # a mean over all rows, in parts of any size
            network(x[None])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
