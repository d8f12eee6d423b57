"""Domain-adversarial training (DANN) with environment label smoothing.

A discriminator ``D`` learns to tell the environment from the features ``h``, and the network
learns features from which it cannot:

    min_{h, classifier} max_D  1/E Σ_e R_e  -  λ_t CE(D(h), environment).

Both sides move in one step through a gradient reversal, the identity forwards and ``-λ_t``
backwards, with ``λ_t = λ tanh(5 t/T)`` (the paper's ``2 / (1 + exp(-10 t/T)) - 1``) rising from 0
so that an untrained discriminator does no harm. An environment's label is smoothed to ``1 - s``
with ``s / (K - 1)`` on the others, which keeps the discriminator from growing certain and its
gradient from vanishing (Zhang et al. 2023, arXiv:2302.00194). The discriminator has one hidden
layer of 64 units and one output per environment of the problem.

Helps when environments change the inputs and not what the target means. Hurts when the classes
are spread unevenly over environments, since then a good classifier gives the environment away,
and when training stops before the game settles; it is the most delicate method here. On a linear
model it is plain training, since the features are the inputs.

Two entries, one game. In ``dann`` the discriminator tells training environments apart; in
``dann-unseen``, the adaptation of the paper, training inputs from inputs of the unseen environment,
those of its training part, without labels: a method that knows where it is going.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import UNLABELLED_UNSEEN, register
from gengap.methods.unseen_inputs import here_and_there
from gengap.models.layers import perceptron
from gengap.models.networks import Network, Parameters

WIDTH = 64


PAPER = Paper(
    "Domain-adversarial training of neural networks",
    "Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky",
    2016,
    "https://arxiv.org/abs/1505.07818",
)


@register(
    "dann",
    summary="learns features from which a discriminator cannot tell the environment",
    paper=PAPER,
    needs=("environment labels", "two or more training environments", "hidden features"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class DANN(Method):
    """Adversarial alignment; with ``balance`` 0 the network is trained plainly."""

    balance: float = hyperparameter(
        1.0, 1e-2, 1e1, log=True, help="weight of the reversed gradient at the end of training"
    )
    smoothing: float = hyperparameter(
        0.1, 0.0, 0.5, limit=1, help="share of an environment's label given to the others"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The discriminator's two layers, uniform in ``±1/sqrt(inputs)``."""
        parameters: Parameters = {}
        sizes = ((context.features, WIDTH), (WIDTH, context.environments))
        for layer, (inputs, units) in enumerate(sizes):
            bound = 1 / math.sqrt(max(inputs, 1))
            for name, rows in ((f"weight{layer}", inputs), (f"bias{layer}", 1)):
                uniform = torch.rand((rows, units), generator=generator)
                parameters[f"discriminator.{name}"] = (2 * uniform - 1) * bound
        return parameters

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the discriminator's loss on reversed features."""
        features, logits = network(batch.x)
        wanted = smooth_labels(batch.environment, batch.context.environments, self.smoothing)
        return batch.risks(logits).mean(1) + self.told_apart(network, batch, features, wanted)

    def told_apart(
        self, network: Network, batch: Batch, features: Tensor, wanted: Tensor
    ) -> Tensor:
        """The discriminator's loss ``(R,)`` on features ``(R, E, B, d)``, reversed for these.

        Args:
            wanted: ``(R, E, K)`` shares of each label that the examples of a slot have.
        """
        progress = batch.step / max(batch.context.steps, 1)
        strength = along_runs(self.balance, features) * math.tanh(5 * progress)
        told = discriminate(network.parameters, _Reverse.apply(features, strength))
        # Over the second axis, where softmax takes many examples at a time.
        logarithm = torch.log_softmax(told.movedim(-1, 1), 1)
        entropy = -(wanted.transpose(1, 2)[..., None] * logarithm).sum(1)
        return entropy.mean((1, 2))


@register(
    "dann-unseen",
    summary="learns features from which it cannot tell the unseen environment's inputs",
    paper=PAPER,
    needs=("hidden features", UNLABELLED_UNSEEN),
    passes=2.0,
)
@dataclass(frozen=True)
class DANNUnseen(DANN):
    """Adversarial alignment with the unseen environment's inputs."""

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """A discriminator of two labels, here and there."""
        return super().extra_parameters(replace(context, environments=2), generator)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the discriminator's loss on reversed features."""
        features, logits = here_and_there(network, batch)
        sides = torch.arange(2, device=features.device).expand(len(features), -1)
        wanted = smooth_labels(sides, 2, self.smoothing)
        return batch.risks(logits).mean(1) + self.told_apart(network, batch, features, wanted)


def discriminate(parameters: Parameters, features: Tensor) -> Tensor:
    """Logits of the environments, ``(R, E, B, d)`` to ``(R, E, B, K)``."""
    weight0, bias0, weight1, bias1 = (
        parameters[f"discriminator.{name}"] for name in ("weight0", "bias0", "weight1", "bias1")
    )
    _, logits = perceptron(features.flatten(1, 2), [weight0, weight1], [bias0, bias1])
    return logits.view(*features.shape[:-1], -1)


def smooth_labels(environment: Tensor, count: int, smoothing: Any) -> Tensor:
    """Environments ``(R, E)`` as smoothed indicators ``(R, E, K)`` that sum to 1."""
    indicator = torch.nn.functional.one_hot(environment, count).float()
    share = along_runs(smoothing, indicator)
    return indicator * (1 - share) + (1 - indicator) * share / max(count - 1, 1)


class _Reverse(torch.autograd.Function):
    """Identity forwards; times ``-strength`` backwards."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength * gradients[0], None
