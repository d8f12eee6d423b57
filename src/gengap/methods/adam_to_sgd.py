"""Switching from Adam to SGD (SWATS), when a rate for SGD can be read off Adam's steps.

Adam is fast at first, SGD ends in minima that generalise better. Training begins with Adam. Its
step ``p`` at the gradient ``g`` would be one of SGD if that had the rate at which the projection
of its step on ``p`` is ``p``,

    γ = p'p / (-p'g).

The running mean ``λ`` of these rates settles, and once it agrees with the newest,

    |λ - γ| < δ λ,        SGD goes on:  v <- β v + g,   θ <- θ - (1-β) λ v.

Each run switches at a step of its own, and only once. The paper asks for agreement to 1e-9, which
long trainings reach by chance sooner or later; ``δ`` is the same question in relative terms, so
that trainings of hundreds of steps can switch at all.

Helps where Adam overfits, with much training still to come. Does nothing if the switch never comes
and hurts if it comes early: rates read off the first steps are those of an unsettled mean, and SGD
then crawls or jumps. ``δ`` decides when that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.adamw import BETA1, BETA2, AdamW
from gengap.methods.batch import Context, along_runs
from gengap.methods.erm import ERM
from gengap.methods.optimizers import Optimizer, decayed
from gengap.methods.registry import register
from gengap.models.networks import Parameters


@register(
    "adam-to-sgd",
    summary="switches from Adam to SGD once Adam's steps say at which rate",
    paper=Paper(
        "Improving generalization performance by switching from Adam to SGD",
        "Keskar, Socher",
        2017,
        "https://arxiv.org/abs/1712.07628",
    ),
)
@dataclass(frozen=True)
class AdamToSGD(ERM):
    """Plain training that changes its optimiser; with ``tolerance`` 0 it never does."""

    tolerance: float = hyperparameter(
        0.01, 1e-3, 0.1, log=True, help="relative difference of rates at which to switch"
    )

    def optimizer(self, parameters: Parameters, context: Context) -> Optimizer:
        """The optimiser that switches."""
        own = (self.learning_rate, self.weight_decay, self.tolerance)
        return Switching(parameters, *(torch.as_tensor(value) for value in own))


class Switching:
    """Adam, then SGD at a rate of its own, each run apart.

    Args:
        parameters: tensors ``(R, ...)`` by name, updated in place.
        learning_rate, weight_decay: ``(R,)``, of Adam; the decay is SGD's too.
        tolerance: ``(R,)``, ``δ``.

    Attributes:
        switched: ``(R,)`` bool, which runs have gone over to SGD.
        rate: ``(R,)`` float64, SGD's, or what it would be now.
    """

    def __init__(
        self, parameters: Parameters, learning_rate: Tensor, weight_decay: Tensor, tolerance: Tensor
    ) -> None:
        self.adam = AdamW(parameters, learning_rate, weight_decay)
        self.parameters, self.tolerance = parameters, tolerance
        self.velocity = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.switched = torch.zeros_like(learning_rate, dtype=torch.bool)
        self.mean = torch.zeros_like(learning_rate, dtype=torch.float64)
        self.rate = torch.zeros_like(self.mean)
        self.steps = torch.zeros_like(self.mean)

    @property
    def learning_rate(self) -> Tensor:
        """Adam's, ``(R,)``."""
        return self.adam.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Tensor) -> None:
        self.adam.learning_rate = value

    @torch.no_grad()
    def reset(self, runs: Tensor | None = None) -> None:
        """Forget moments and rates; runs that had switched begin with Adam again."""
        self.adam.reset(runs)
        which = slice(None) if runs is None else runs
        for value in (*self.velocity.values(), self.switched, self.mean, self.rate, self.steps):
            value[which] = 0

    @torch.no_grad()
    def step(self, gradients: Parameters) -> None:
        """Move every run by the optimiser it has come to."""
        before = {name: p.clone() for name, p in self.parameters.items()}
        self.adam.step(gradients)
        slopes = decayed(gradients, before, self.adam.weight_decay)
        for name, value in self.parameters.items():
            velocity = self.velocity[name].mul_(BETA1).add_(slopes[name])
            rate = along_runs(((1 - BETA1) * self.rate).to(value), value)
            own = before[name] - rate * velocity
            value.copy_(torch.where(along_runs(self.switched, value), own, value))
            velocity.mul_(along_runs(self.switched, value))  # it begins with the switch
        self._follow(before, gradients)

    def _follow(self, before: Parameters, gradients: Parameters) -> None:
        """Take in the rate that Adam's step amounts to, and see whether rates agree."""
        square, along = torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        for name, value in self.parameters.items():
            moved = (value - before[name]).flatten(1).double()
            square += moved.square().sum(1)
            along -= (moved * gradients[name].flatten(1)).sum(1)
        uphill = (along <= 0) | self.switched  # such a step tells no rate
        newest = square / torch.where(uphill, 1.0, along)
        self.steps += ~uphill
        self.mean = torch.where(uphill, self.mean, BETA2 * self.mean + (1 - BETA2) * newest)
        settled = self.mean / (1 - BETA2**self.steps).clamp(min=1e-12)
        self.rate = torch.where(uphill, self.rate, settled)
        agree = (settled - newest).abs() < self.tolerance * settled
        self.switched = self.switched | (agree & ~uphill & (self.steps > 1))
