"""Neuro-modulated Hebbian learning: the first layer learns from its inputs, gains from feedback.

The first layer with weights, ``u_k = w_k · x``, learns without a target (*soft Hebbian*): units
compete by ``y = softmax(u / temperature)``, and each moves towards what it answers to, by Oja's
rule,

    Δw_k = rate · mean over examples and places of  y_k (x - u_k w_k),

after which it is scaled back to the length it came with. What the network makes of it comes back
through one gain a unit, the *neuro-modulator* ``g``, that multiplies the unit's response and
descends the entropy of the answers. Both move, then the batch is answered (Tang et al. 2023).

Helps against corruptions of what early layers see: noise, blur. Hurts on long streams, as Hebbian
steps know no end, and where the first layer's units are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gengap.adapters.base import Adapter
from gengap.adapters.registry import HIDDEN_LINEAR, linear_layers, register_adapter
from gengap.adapters.tools.softmax import entropies
from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

NONE_HIDDEN = (
    "Hebbian lets the first of several layers learn; this model has no hidden layer that is linear "
    "or a convolution."
)


@register_adapter(
    "hebbian",
    summary="lets the first layer learn from its inputs alone, its gains from the entropy",
    paper=Paper(
        "Neuro-modulated Hebbian learning for fully test-time adaptation",
        "Tang, Zhang, Xu, Chen, Cheng, Leng, Guo, He",
        2023,
        "https://arxiv.org/abs/2303.00914",
    ),
    needs=(HIDDEN_LINEAR,),
    forwards=2.0,
    backwards=1.0,
)
class Hebbian(Adapter):
    """Soft Hebbian learning with a neuro-modulator."""

    learns = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How fast both learn."""

        learning_rate: float = hyperparameter(
            1e-3, 1e-5, 1e-1, log=True, help="step of Adam for the gains"
        )
        rate: float = hyperparameter(1e-3, 1e-5, 1e-1, log=True, help="step of the Hebbian rule")
        temperature: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="of the competition")

    def prepare(self) -> None:
        """Watch all layers that could be the first to run; a weight made of others cannot move."""
        self.layers = linear_layers(self.model)
        if len(self.layers) < 2:
            raise UsageError(NONE_HIDDEN)
        for layer in self.layers:
            layer.register_forward_hook(self._respond)

    def begin(self) -> None:
        """Which layer is the first shows when the network runs."""
        self.layer: Any = None
        self.lengths = self.gain = torch.ones(0)
        self.optimizer: Any = None
        self.response: Tensor | None = None
        for layer in self.layers:
            layer.weight.requires_grad_(True)

    def _start(self, layer: Any) -> None:
        """Gains of 1 for the units of the first layer, and their optimiser."""
        self.layer = layer
        self.lengths = layer.weight.detach().flatten(1).norm(dim=1)
        self.gain = torch.ones_like(self.lengths).requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.gain], lr=self.settings.learning_rate)

    def answer(self, x: Tensor) -> Tensor:
        """Logits after both have moved."""
        entropy = entropies(self.forward(x).logits).mean()
        if self.response is None or self.layer is self._linear:
            raise UsageError(NONE_HIDDEN)
        for other in self.layers:
            other.weight.requires_grad_(other is self.layer)
        step = oja(self.layer.weight, self.response, self.settings.temperature, self.axis)
        self.optimizer.zero_grad()
        self.backward(entropy, len(x), inputs=[self.gain])
        self.optimizer.step()
        with torch.no_grad():
            self.layer.weight.add_(self.settings.rate * step)
            flat = self.layer.weight.flatten(1)
            scale = self.lengths / flat.norm(dim=1).clamp_min(1e-12)
            self.layer.weight.mul_(_along_units(scale, self.layer.weight.dim(), 0))
            logits = self.forward(x).logits
        self.response = None
        return logits

    def _along(self, values: Tensor, output: Tensor) -> Tensor:
        """Values ``(units,)`` as a view along the units of a response."""
        return _along_units(values, output.dim(), self.axis)

    def _respond(self, module: nn.Module, given: Any, output: Tensor) -> Tensor:
        """Note the responses without their bias, and multiply them by the gains."""
        if self.layer is None:
            self._start(module)
        if module is not self.layer:
            return output
        self.axis = output.dim() - 1 if isinstance(module, nn.Linear) else 1
        if torch.is_grad_enabled():
            bias: Any = module.bias
            self.response = output if bias is None else output - self._along(bias, output)
        return output * self._along(self.gain, output)


def oja(weight: Tensor, response: Tensor, temperature: float, axis: int = 1) -> Tensor:
    """The mean of ``y_k (x - u_k w_k)``, shaped as the weights.

    Args:
        weight: ``(units, ...)``.
        response: responses ``u`` at all examples and places, a function of the weights; its
            gradient under slopes ``y`` is the sum of ``y_k x``, of any layer.
        temperature: of the competition.
        axis: of the units.
    """
    u = response.detach()
    chosen = (u if temperature == 1 else u / temperature).softmax(axis)
    places = u.numel() // u.shape[axis]
    (drawn,) = torch.autograd.grad(response, weight, chosen, retain_graph=True)
    others = [k for k in range(u.dim()) if k != axis]
    leaving = chosen.mul_(u).sum(others)
    return (drawn - _along_units(leaving, weight.dim(), 0) * weight.detach()) / places


def _along_units(values: Tensor, dimensions: int, axis: int) -> Tensor:
    """Values ``(units,)`` as a view that multiplies along one axis of so many."""
    return values.view([-1 if k == axis else 1 for k in range(dimensions)])
