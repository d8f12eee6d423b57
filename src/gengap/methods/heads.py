"""Linear heads that methods train on the features, in the place of the network's last layer.

Where there are several, one for each environment, predictions mix what those say that were trained:
probabilities of classes are averaged, and so are values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gengap.methods.base import Method, Predictor
from gengap.models.as_module import Whole, WithLayers, predicting_module
from gengap.models.layers import linear
from gengap.models.networks import Module, Network, Output, Parameters

SHARE = "heads.share"  # of the heads in what a mixture predicts with; no gradient moves it


def drawn_layer(name: str, inputs: int, units: int, generator: torch.Generator) -> Parameters:
    """One run's ``NAME.weight (inputs, units)`` and ``NAME.bias (1, units)``, as networks begin.

    They are uniform in ``±1/sqrt(inputs)``.
    """
    bound = 1 / math.sqrt(max(inputs, 1))
    uniform = torch.rand((inputs + 1, units), generator=generator)
    weight, bias = ((2 * uniform - 1) * bound).split([inputs, 1])
    return {f"{name}.weight": weight, f"{name}.bias": bias}


class OneHead(Method):
    """A method that predicts with a linear head of its own, ``head``."""

    def output(self, network: Network, x: Tensor) -> Output:
        """The features and the head's logits."""
        features = network.features(x)
        return Output(features, head_logits(network.parameters, features))


class SeveralHeads(Method):
    """A method that predicts with a mixture of heads.

    What it predicts with has ``heads.weight (R, K, d, C)``, ``heads.bias (R, K, C)`` and their
    shares in the mixture ``heads.share (R, K)``.
    """

    def output(self, network: Network, x: Tensor) -> Output:
        """The features and the mixture's logits."""
        features = network.features(x)
        logits = each_head(network.parameters, features)
        return Output(features, mixed(logits, network.parameters[SHARE]))


class WithHeads(Whole):
    """A network of one run whose trained heads can be asked apart."""

    def each_head(self, features: Tensor) -> Tensor:
        """Logits ``(n, K, C)`` of the heads that were trained, for features ``(n, d)``."""
        own = self.parameters_of_one()
        trained = own[SHARE][0] > 0
        return each_head(own, features[None])[0][:, trained]


class WithLayersAndHeads(WithHeads, WithLayers):
    """Both."""


def module_with_heads(network: Network) -> nn.Module:
    """A fleet of one as a module, as adapters meet it.

    It has its heads where there are several, and its layers where the network is a module.
    """
    if not isinstance(network, Predictor):
        return predicting_module(network)
    layers = isinstance(network.architecture, Module)
    if isinstance(network.method, SeveralHeads):
        return (WithLayersAndHeads if layers else WithHeads)(network).eval()
    return (WithLayers if layers else Whole)(network).eval()


def head_logits(parameters: Parameters, features: Tensor) -> Tensor:
    """Logits ``(R, ..., C)`` of the head ``head`` for features ``(R, ..., d)``."""
    return linear(features, parameters["head.weight"], parameters["head.bias"])


def each_head(parameters: Parameters, features: Tensor) -> Tensor:
    """Logits ``(R, ..., K, C)`` of every head for features ``(R, ..., d)``."""
    weight, bias = parameters["heads.weight"], parameters["heads.bias"]
    told = linear(features, weight.transpose(1, 2).flatten(2), bias.flatten(1)[:, None])
    return told.unflatten(-1, bias.shape[1:])


def in_slots(values: Tensor, environment: Tensor) -> Tensor:
    """What belongs to the environments in a batch, ``(R, K, ...)`` to ``(R, E, ...)``.

    Args:
        environment: ``(R, E)``.
    """
    runs, count = values.shape[:2]
    flat = environment + count * torch.arange(runs, device=environment.device)[:, None]
    found = values.flatten(0, 1).index_select(0, flat.flatten())
    return found.view(*environment.shape, *values.shape[2:])


def slot_logits(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Logits ``(R, E, B, C)`` of features ``(R, E, B, d)``, each slot by a layer of its own.

    Args:
        weight: ``(R, E, d, C)``, and ``bias (R, E, C)``.
    """
    told = linear(features.flatten(0, 1), weight.flatten(0, 1), bias.flatten(0, 1)[:, None])
    return told.unflatten(0, features.shape[:2])


def mixed(logits: Tensor, share: Tensor) -> Tensor:
    """Logarithms of mean probabilities, or mean values where there is one output.

    Args:
        logits: ``(R, ..., K, C)``.
        share: ``(R, ..., K)`` of each head, of sum 1, or ``(R, K)`` for all inputs alike.
    """
    weight = share.view(len(share), *(1,) * (logits.dim() - 1 - share.dim()), *share.shape[1:])
    if logits.shape[-1] == 1:
        return (weight[..., None] * logits).sum(-2)
    return torch.logsumexp(torch.log_softmax(logits, -1) + weight[..., None].log(), -2)


def shares(seen: Tensor) -> Tensor:
    """Equal shares of the heads seen in training, ``(R, K)`` of 0 and 1 to sums of 1.

    Before any was seen all have one.
    """
    seen = torch.where(seen.any(1, keepdim=True), seen, torch.ones_like(seen))
    return seen / seen.sum(1, keepdim=True)


def note_seen(seen: Tensor, environment: Tensor) -> Tensor:
    """``seen (R, K)`` with 1 for the environments ``(R, E)`` of a batch."""
    return seen.scatter(1, environment, 1.0)
