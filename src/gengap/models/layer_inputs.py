"""What enters each layer of a network that multiplies, from the first hidden layer on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gengap.models.modules import trained
from gengap.models.networks import MLP, Module, Network, Output, Parameters
from gengap.models.passes import logits_in

MULTIPLIES = (nn.Linear, nn.modules.conv._ConvNd)


def layer_inputs(network: Network, x: Tensor) -> tuple[list[Tensor], Output]:
    """Inputs of all layers but the first, ``(R, ..., d_l)``, and the output of the last.

    Of convolutions they are means over space, of tokens means over places. A network that shows no
    layers has its features alone.

    Args:
        network: of ``R`` runs.
        x: ``(R, ..., *shape)``.
    """
    axes = x.dim() - len(network.shape)
    leading = x.shape[:axes]
    flat = x.reshape(leading[0], -1, *x.shape[axes:])
    made, parameters = network.architecture, network.parameters
    if isinstance(made, MLP):
        layers, logits = _of_perceptron(parameters, flat.flatten(2), len(made.widths))
    elif isinstance(made, Module):
        layers, logits = _of_module(made, parameters, flat)
    else:
        output = network(x)
        return [output.features], output
    network.passed(x)
    own = [layer.reshape(*leading, -1) for layer in layers]
    return own, Output(own[-1], logits.reshape(*leading, -1))


def widest(parameters: Parameters) -> int:
    """The most numbers that enter any layer, of stacked parameters ``(R, ...)``."""
    matrices = [p for p in parameters.values() if p.dim() > 2 and 1 not in p.shape[1:3]]
    return max((max(p.shape[1:3]) for p in matrices), default=1)


def _of_perceptron(parameters: Parameters, x: Tensor, hidden: int) -> tuple[list[Tensor], Tensor]:
    found: list[Tensor] = []
    for layer in range(hidden + 1):
        x = torch.baddbmm(parameters[f"bias{layer}"], x, parameters[f"weight{layer}"])
        if layer < hidden:
            x = x.relu()
            found.append(x)
    return found, x


def _of_module(made: Module, parameters: Parameters, x: Tensor) -> tuple[list[Tensor], Tensor]:
    module = made._module
    assert module is not None
    names = [name for name, _ in trained(module)]

    def of_one(own: Parameters, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        seen: list[Tensor] = []
        hooks = [
            m.register_forward_pre_hook(lambda m, inputs: seen.append(_pooled(m, inputs[0])))
            for m in module.modules()
            if isinstance(m, MULTIPLIES)
        ]
        try:
            logits = logits_in(torch.func.functional_call(module, own, (rows,)))
        finally:
            for hook in hooks:
                hook.remove()
        return seen[1:] or seen, logits.reshape(len(rows), -1)

    own = {name: parameters[name] for name in names}
    if len(x) > 1:
        return torch.func.vmap(of_one)(own, x)
    layers, logits = of_one({name: p.squeeze(0) for name, p in own.items()}, x[0])
    return [layer[None] for layer in layers], logits[None]


def _pooled(module: nn.Module, x: Tensor) -> Tensor:
    """Inputs of a layer ``(n, d)``: channels come first in convolutions, last elsewhere."""
    if isinstance(module, nn.Linear):
        return x.flatten(1, -2).mean(1) if x.dim() > 2 else x
    return x.flatten(2).mean(2)
