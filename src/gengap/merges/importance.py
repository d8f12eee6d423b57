"""How much each weight of a model matters: squares of gradients, by the model's own answers or not.

Both walk over examples in batches and return tensors by name, as merges that need importance take
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

Parameters = dict[str, Tensor]


def fisher(model: torch.nn.Module, x: Tensor, batch: int = 256, classes: bool = True) -> Parameters:
    """The diagonal of the Fisher information, exact in the answers.

    Args:
        model: gives logits ``(n, C)``, or with ``classes`` false values ``(n, k)``, taken for means
            of Gaussians of variance 1. No layer may mix examples: BatchNorm must be in eval mode.
        x: inputs ``(n, *shape)``.
        batch: inputs at a time; memory grows with it times the parameters.

    Returns:
        For each parameter ``mean over x of Σ_y p(y|x) (∂ log p(y|x) / ∂θ)²``.
    """
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    buffers = dict(model.named_buffers())

    def answers(own: Parameters, one: Tensor) -> Tensor:
        made = functional_call(model, {**own, **buffers}, (one[None],))[0]
        return torch.log_softmax(made, -1) if classes else made

    def squares(one: Tensor) -> Parameters:
        said = answers(parameters, one)
        count = said.exp() if classes else torch.ones_like(said)

        def slope(which: Tensor) -> Parameters:
            return grad(lambda own: (answers(own, one) * which).sum())(parameters)

        # A row of the identity picks the logarithm of one class, or one value.
        each = vmap(slope)(torch.eye(len(said), dtype=said.dtype, device=said.device))
        return {name: torch.tensordot(count, g.square(), 1) for name, g in each.items()}

    return _mean_over(x, batch, lambda part: vmap(squares)(part), parameters)


def gradient_magnitudes(
    model: torch.nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
) -> Parameters:
    """Magnitude of the gradient of the mean loss for each parameter, as SAFT chooses by.

    Args:
        loss: of the model's output and targets, a mean; ``torch.nn.functional.cross_entropy``.
    """
    names = [name for name, _ in model.named_parameters()]
    found = torch.autograd.grad(
        loss(model(x), y), list(model.parameters()), allow_unused=True, materialize_grads=True
    )
    return {name: gradient.abs() for name, gradient in zip(names, found, strict=True)}


def _mean_over(
    x: Tensor, batch: int, each: Callable[[Tensor], Parameters], like: Mapping[str, Tensor]
) -> Parameters:
    total = {name: torch.zeros_like(p) for name, p in like.items()}
    for start in range(0, len(x), batch):
        for name, part in each(x[start : start + batch]).items():
            total[name] += part.sum(0) / len(x)
    return total
