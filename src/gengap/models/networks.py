"""Many networks of one architecture as one function.

The parameters of ``R`` runs are stacked along a leading axis, so a layer of all runs is one
batched matrix product: ``(R, n, in) @ (R, in, out)``. Multilayer perceptrons are written out, with
their gradients; any other ``torch.nn.Module`` goes through ``torch.func.vmap`` when it has neither
convolutions nor state of its own, and otherwise runs one at a time (``R = 1``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.models.activations import ACTIVATIONS
from gengap.models.factories import NORMALISATIONS, built_mlp, small_cnn
from gengap.models.given_modules import GivenModule
from gengap.models.layers import (
    perceptron,
    perceptron_features,
    perceptron_uphill,
    perceptron_with_pullback,
)
from gengap.models.modules import Module, Output, Parameters
from gengap.models.outputs import Outputs

ROWS_AT_ONCE = 4096
MOST_WEIGHTS, MOST_LAYERS = 1 << 28, 100  # of one network
CONVOLUTIONS = 2


class Pullback(Protocol):
    """Makes the gradients of the parameters of slopes of the outputs, shaped as they are."""

    def __call__(self, logits: Tensor, features: Tensor | None = None) -> Parameters:
        """Slopes of the logits and, where the objective depends on them, of the features."""
        ...


class Architecture(Protocol):
    """How the networks of a fleet are made and evaluated.

    ``name`` goes into records; ``vectorises`` says whether runs may share one program.
    """

    @property
    def name(self) -> str:
        """What the records call it; another name for whatever computes something else."""
        ...

    @property
    def vectorises(self) -> bool:
        """Whether runs may share one program; known once ``initialise`` was called."""
        ...

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Return one run's initial parameters, which depend on nothing but the arguments."""
        ...

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Evaluate ``x (R, n, *shape)`` with stacked parameters ``(R, ...)``."""
        ...

    def train(self, mode: bool) -> None:
        """Switch layers that behave differently in training, such as BatchNorm."""
        ...


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with ReLU; no hidden widths make it a linear model.

    Inputs are flattened. Weights and biases start uniform in ``±1/sqrt(inputs)``, as PyTorch's
    linear layers do.

    Attributes:
        widths: of the hidden layers.
        products: type of the products in training (:mod:`gengap.models.precision`).
    """

    widths: tuple[int, ...] = (128, 128)
    products: torch.dtype = torch.float32

    @property
    def name(self) -> str:
        """``linear`` or ``mlp(128,128)``."""
        return f"mlp({','.join(map(str, self.widths))})" if self.widths else "linear"

    @property
    def vectorises(self) -> bool:
        """Always."""
        return True

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Weights ``(in, out)`` and biases ``(1, out)`` per layer.

        Raises:
            UsageError: there would be more than ``MOST_WEIGHTS``.
        """
        sizes = [math.prod(shape), *self.widths, outputs]
        if (weights := sum(a * b for a, b in pairwise(sizes))) > MOST_WEIGHTS:
            raise UsageError(
                f"One network {self.name} would have {weights:,} weights, {4 * weights:,} bytes; "
                "give smaller widths."
            )
        generator = torch.Generator().manual_seed(seed)
        parameters: Parameters = {}
        for layer, (inputs, units) in enumerate(pairwise(sizes)):
            bound = 1 / math.sqrt(max(inputs, 1))
            for name, size in ((f"weight{layer}", (inputs, units)), (f"bias{layer}", (1, units))):
                uniform = torch.rand(size, generator=generator)
                parameters[name] = (2 * uniform - 1) * bound
        return parameters

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """One ``baddbmm`` per layer, written out in :mod:`gengap.models.layers`."""
        products = self.products if torch.is_grad_enabled() else torch.float32
        own = [parameters[name] for name in self._names]
        count = len(own) // 2
        return Output(*perceptron(x.flatten(2), own[:count], own[count:], products))

    def features(self, parameters: Parameters, x: Tensor) -> Tensor:
        """As :meth:`forward`, of the hidden layers alone."""
        products = self.products if torch.is_grad_enabled() else torch.float32
        own = [parameters[name] for name in self._names]
        count = len(own) // 2
        return perceptron_features(x.flatten(2), own[: count - 1], own[count:-1], products)

    @torch.no_grad()
    def pullback(self, parameters: Parameters, x: Tensor) -> tuple[Output, Pullback]:
        """As :meth:`Network.pullback`, past autograd."""
        own = [parameters[name] for name in self._names]
        count = len(own) // 2
        hidden, outputs, back = perceptron_with_pullback(
            x.flatten(2), own[:count], own[count:], self.products
        )

        @torch.no_grad()
        def gradients(logits: Tensor, features: Tensor | None = None) -> Parameters:
            return dict(zip(self._names, back(logits, features), strict=True))

        return Output(hidden, outputs), gradients

    def uphill(self, parameters: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`Network.uphill`, past autograd."""
        own = [parameters[name] for name in self._names]
        count = len(own) // 2
        return perceptron_uphill(x.flatten(2), own[:count], own[count:])

    @property
    def _names(self) -> list[str]:
        """Weights, then biases."""
        layers = range(len(self.widths) + 1)
        return [f"{kind}{layer}" for kind in ("weight", "bias") for layer in layers]

    def train(self, mode: bool) -> None:
        """Nothing to switch."""


def architecture(
    model: str | nn.Module | Callable[..., nn.Module] | Architecture,
    products: torch.dtype = torch.float32,
) -> Architecture:
    """Make an architecture of ``"linear"``, ``"mlp(64,64)"``, ``"cnn"``, a module or a factory.

    Args:
        products: type of the products in training; see :mod:`gengap.models.precision`.
    """
    found = _architecture(model)
    if isinstance(found, MLP):
        return replace(found, products=products)
    if products != torch.float32:
        if not isinstance(found, Module):
            raise UsageError(
                f"The model {found.name} decides on its own products; leave the precision at fp32."
            )
        found.products = products
    return found


def _architecture(
    model: str | nn.Module | Callable[..., nn.Module] | Architecture,
) -> Architecture:
    if isinstance(model, nn.Module):
        given = GivenModule(model)
        return Module(given, name=given.title, checked=True)
    if not isinstance(model, str):
        known = hasattr(model, "initialise")
        return model if known else Module(model, checked=True)  # type: ignore[return-value, arg-type]
    text = model.replace(" ", "").lower()
    if text == "linear":
        return MLP(())
    if found := re.fullmatch(r"(mlp|cnn)(?:\((.*)\))?", text):
        parts = list(filter(None, (found[2] or "").split(",")))
        options = {"norm": "", "activation": "relu"}
        options.update(p.split("=", 1) for p in parts if p.split("=")[0] in options and "=" in p)
        norm, activation = options["norm"], options["activation"]
        widths = [p for p in parts if p not in (f"norm={norm}", f"activation={activation}")]
        known = norm in ("", *NORMALISATIONS) and activation in ACTIVATIONS
        # More digits or layers than these are no width and no network anybody means.
        readable = len(widths) <= MOST_LAYERS and max(map(len, widths), default=1) <= 12
        readable = readable and all(w.isascii() and w.isdigit() and int(w) > 0 for w in widths)
        own = tuple(map(int, widths)) if readable else ()
        if found[1] == "cnn" and known and (not widths or len(own) == CONVOLUTIONS):
            build = partial(small_cnn, norm=norm, activation=activation)
            return Module(partial(build, channels=own) if own else build, name=text)
        if found[1] == "mlp" and readable and known and (norm or activation != "relu"):
            widths_used = own or MLP().widths
            made = partial(built_mlp, widths=widths_used, norm=norm, activation=activation)
            return Module(made, name=text)
        if found[1] == "mlp" and readable and known and (own or found[2] is None):
            return MLP(own) if own else MLP()
    if ":" in text:
        raise UsageError(
            f"{model!r} names code, which is imported only where the command itself names it "
            "(--model of gengap run, fit, explain and mend); in Python give what makes the module."
        )
    raise UsageError(
        f"There is no model {model!r}; use linear, mlp, mlp(64,64) with widths of your choice, "
        "cnn or cnn(8,16) with channels, or with layers that normalise mlp(64,64,norm=batch) and "
        "cnn(norm=batch), or layer or group in place of batch, or with other activations "
        "mlp(64,activation=smelu) or gelu (in Python also any function that returns a "
        "torch.nn.Module)."
    )


def of_branch(architecture: Architecture, name: str, further: int) -> Architecture:
    """What a further network is: one like the study's own, or of inputs joined by numbers.

    Flattened images with an action behind them are no images, so where the study's own architecture
    is a module, these get the default perceptron.
    """
    if further:
        return architecture if isinstance(architecture, MLP) else MLP()
    return architecture.branch(name) if isinstance(architecture, Module) else architecture


def gradients_of(
    values: Tensor | Sequence[Tensor], parameters: Parameters, slopes: Any = None
) -> Parameters:
    """Gradients of named parameters, zero where the values do not depend on them.

    Args:
        slopes: of the values, shaped as they are; not needed for a scalar.
    """
    found = torch.autograd.grad(values, list(parameters.values()), slopes, allow_unused=True)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(parameters.items(), found, strict=True)
    }


class Network:
    """``R`` networks with stacked parameters, called on ``x (R, ..., *shape)``."""

    def __init__(self, architecture: Architecture, parameters: Parameters, shape: Sequence[int]):
        self.architecture = architecture
        self.parameters = parameters
        self.shape = tuple(shape)

    def __call__(self, x: Tensor) -> Output:
        """Return features and logits with the leading axes of ``x``."""
        axes = x.dim() - len(self.shape)
        leading, own = x.shape[:axes], x.shape[axes:]  # a sequence may be shorter than the longest
        flat = x.reshape(leading[0], -1, *own)
        features, logits = self.architecture.forward(self.parameters, flat)
        return Output(features.reshape(*leading, -1), logits.reshape(*leading, *logits.shape[2:]))

    def features(self, x: Tensor) -> Tensor:
        """Features as of a call, ``(R, ..., f)``; logits are not computed where that can be."""
        kind = self.architecture
        if type(kind) is not MLP or not kind.widths:
            return self(x).features
        self.passed(x)
        leading = x.shape[: x.dim() - len(self.shape)]
        found = kind.features(self.parameters, x.reshape(leading[0], -1, *self.shape))
        return found.view(*leading, -1)

    def pullback(self, x: Tensor) -> tuple[Output, Pullback]:
        """Features and logits as of a call, and what makes parameters' gradients of slopes."""
        if type(self.architecture) is not MLP:
            return self._pullback_by_autograd(x)
        leading = x.shape[: x.dim() - len(self.shape)]
        flat = x.reshape(leading[0], -1, *self.shape)
        made, back = self.architecture.pullback(self.parameters, flat)

        def gradients(logits: Tensor, features: Tensor | None = None) -> Parameters:
            given = None if features is None else features.reshape(made.features.shape)
            found = back(logits.reshape(made.logits.shape), given)
            own = self.parameters.items()
            return {name: found[name] if name in found else torch.zeros_like(p) for name, p in own}

        return Output(*(values.view(*leading, -1) for values in made)), gradients

    def uphill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and the slopes of their sum for the inputs, with the leading axes of ``x``."""
        if type(self.architecture) is not MLP:
            moved = x.detach().requires_grad_()
            with torch.enable_grad():
                logits = self.at({k: p.detach() for k, p in self.parameters.items()})(moved).logits
                (slopes,) = torch.autograd.grad(logits.sum(), moved)
            return logits.detach(), slopes
        leading = x.shape[: x.dim() - len(self.shape)]
        logits, slopes = self.architecture.uphill(
            self.parameters, x.reshape(leading[0], -1, *self.shape)
        )
        return logits.view(*leading, -1), slopes.view(x.shape)

    def _pullback_by_autograd(self, x: Tensor) -> tuple[Output, Pullback]:
        made = self(x)

        def gradients(logits: Tensor, features: Tensor | None = None) -> Parameters:
            if features is None or not made.features.requires_grad:
                return gradients_of(made.logits, self.parameters, logits)
            return gradients_of((made.logits, made.features), self.parameters, (logits, features))

        return Output(made.features.detach(), made.logits.detach()), gradients

    def passed(self, x: Tensor) -> None:
        """Hear of inputs ``(R, ..., *shape)`` that pass through the layers without a call."""

    def at(self, parameters: Parameters) -> Network:
        """The same networks at other parameters."""
        return Network(self.architecture, parameters, self.shape)

    def branch(self, name: str, further: int = 0) -> Network:
        """A further network of the same architecture, whose parameters are ``name/...``.

        Args:
            further: inputs that it has beyond the flattened ones of this network; see
                :func:`of_branch`.
        """
        own = {
            p[len(name) + 1 :]: v for p, v in self.parameters.items() if p.startswith(name + "/")
        }
        found = self.at(own)
        if further:
            found.shape = (math.prod(self.shape) + further,)
        found.architecture = of_branch(self.architecture, name, further)
        return found

    def still(self) -> Network:
        """The same networks for a look: a pass leaves what layers gather as it is.

        BatchNorm normalises by the batch all the same, and no running statistic moves.
        """
        if not isinstance(self.architecture, Module):
            return self
        found = self.at(self.parameters)
        found.architecture = self.architecture.still()
        return found

    def begin_again(self) -> None:
        """Put what layers have gathered back to what it was at first, as a lone run's weights are.

        Networks that share a program gather nothing.
        """
        if isinstance(self.architecture, Module):
            self.architecture.begin_again()

    @torch.no_grad()
    def outputs(self, x: Tensor, labels: Tensor | None = None) -> Outputs:
        """What a fleet of one makes of prepared inputs ``(n, *shape)``, as detectors read it."""
        parts = [self(rows[None]) for rows in x.split(ROWS_AT_ONCE)]
        return Outputs(
            logits=torch.cat([part.logits[0] for part in parts]),
            features=torch.cat([part.features[0] for part in parts]),
            labels=labels,
        )

    def run(self, number: int) -> Network:
        """One run's network, a fleet of one; without gradients."""
        own = {name: p[number : number + 1].detach() for name, p in self.parameters.items()}
        return Network(self.architecture, own, self.shape)
