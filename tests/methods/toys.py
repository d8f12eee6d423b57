"""Toy problems and independent single networks to compare the methods with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.methods.base import stack
from gengap.methods.batch import Batch, Context
from gengap.methods.erm import ERM
from gengap.models.networks import Output
from gengap.testing import TASKS, Size, Toy, toy

__all__ = [
    "TASKS", "Fixed", "Size", "Toy", "assert_run_close", "batch_of", "environment_risks",
    "erm_gradients", "example_losses", "gradient", "hidden",
    "parameters_of", "single", "stacked", "toy",
]  # fmt: skip


class Fixed:
    """A stand-in for networks: says what it was given, whatever the input."""

    def __init__(self, logits: Tensor, features: Tensor | None = None) -> None:
        self.output = Output(logits if features is None else features, logits)
        self.parameters = {"logits": logits}

    def __call__(self, x: Tensor) -> Output:
        return self.output


def batch_of(
    y: Tensor,
    *,
    x: Tensor | None = None,
    classes: int = 0,
    environment: Tensor | None = None,
    environments: int | None = None,
    class_share: Tensor | None = None,
    features: int = 1,
    step: int = 0,
    steps: int = 1,
    seeds: Sequence[int] | None = None,
) -> Batch:
    """A batch from targets ``(R, E, B)``; regression when there are no classes."""
    runs, slots = y.shape[:2]
    count = environments or slots
    if environment is None:
        environment = torch.arange(slots).repeat(runs, 1)
    task = "classification" if classes else "regression"
    context = Context(task, max(classes, 1), count, slots, features, steps)
    generators = [np.random.default_rng(s) for s in (seeds or range(runs))]
    share = torch.zeros(runs, count, classes) if class_share is None else class_share
    x = y[..., None].float() if x is None else x
    return Batch(x, y, environment, share, step, context, generators)


def single(problem: Toy, run: int) -> nn.Sequential:
    """One run's perceptron as PyTorch's own layers, with its current weights."""
    parameters = problem.network.parameters
    layers: list[nn.Module] = []
    depth = sum(name.startswith("weight") for name in parameters)
    for k in range(depth):
        weight = parameters[f"weight{k}"][run].detach()
        layer = nn.Linear(*weight.shape)
        layer.weight.data.copy_(weight.T)
        layer.bias.data.copy_(parameters[f"bias{k}"][run, 0].detach())
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def gradient(network: nn.Sequential, loss: Tensor) -> dict[str, Tensor]:
    """Gradient of a loss for the layers of :func:`single`, named and laid out as in a fleet."""
    named = {}
    for k, layer in enumerate(layer for layer in network if isinstance(layer, nn.Linear)):
        weight, bias = torch.autograd.grad(loss, [layer.weight, layer.bias], retain_graph=True)
        named[f"weight{k}"], named[f"bias{k}"] = weight.T, bias[None]
    return named


def parameters_of(network: nn.Sequential) -> dict[str, Tensor]:
    """The layers' parameters, named and laid out as in a fleet."""
    named = {}
    for k, layer in enumerate(layer for layer in network if isinstance(layer, nn.Linear)):
        named[f"weight{k}"], named[f"bias{k}"] = layer.weight.T.detach(), layer.bias[None].detach()
    return named


def hidden(network: nn.Sequential, x: Tensor) -> Tensor:
    """The input of the last layer."""
    return network[:-1](x)


def example_losses(logits: Tensor, y: Tensor) -> Tensor:
    if y.dtype == torch.int64:
        return F.cross_entropy(logits, y, reduction="none")
    return F.mse_loss(logits[:, 0], y, reduction="none")


def environment_risks(network: Callable[[Tensor], Tensor], batch: Batch, run: int) -> list[Tensor]:
    """One run's risk in each slot, by a plain loop."""
    pairs = zip(batch.x[run], batch.y[run], strict=True)
    return [example_losses(network(x), y).mean() for x, y in pairs]


def erm_gradients(problem: Toy, batch: Batch) -> dict[str, Tensor]:
    """What plain training would do at the problem's current weights."""
    runs = batch.x.shape[0]
    return stacked([ERM()] * runs).gradients(problem.network, batch, {})


def stacked(methods: Sequence[Any]) -> Any:
    return stack(methods)


def assert_run_close(
    found: dict[str, Tensor], expected: dict[str, Tensor], run: int, tolerance: float = 2e-5
) -> None:
    """Compare one run of stacked tensors with a single network's."""
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name][run], value, rtol=tolerance, atol=tolerance,
            msg=lambda text, name=name: f"{name}: {text}",
        )  # fmt: skip
