"""Views along the way between models: does the loss climb, how sharp is it, and which layers moved.

On the line ``θ(t) = (1 - t) θ_0 + t θ_1`` between two models the *barrier* is how far the loss
rises above the line between its ends,

    max over t of  L(θ(t)) - (1 - t) L(θ_0) - t L(θ_1)        (Frankle et al. 2020).

Where it is near 0 the two are linearly connected, and weights may be averaged. *Sharpness* is how
much the loss rises within a distance of a model; of one layer alone, with the others at rest, it
tells the stragglers, layers in which interpolated models do badly outside while sharpness over all
layers says nothing (Abdollahpoorrostam 2024, arXiv:2410.16476).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import check_whole
from gengap.merges.layers import layer_of
from gengap.merges.linear.average import Average
from gengap.merges.merging import Model, merge_models

Loss = Callable[[Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Path:
    """Losses on the line between two models.

    Attributes:
        shares: of the second model, from 0 to 1.
        losses: there.
    """

    shares: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def excess(self) -> np.ndarray:
        """How far each loss lies above the line between the ends."""
        shares, losses = np.asarray(self.shares), np.asarray(self.losses)
        return np.asarray(losses - (1 - shares) * losses[0] - shares * losses[-1])

    @property
    def barrier(self) -> float:
        """The largest excess; 0 where the loss never rises above the line."""
        return float(self.excess.max())


def interpolations(
    models: Sequence[Model], points: int
) -> Iterator[tuple[tuple[float, ...], dict[str, Tensor]]]:
    """Weights and merges on a grid over all mixtures of models: a path of two, a triangle of three.

    Of models that were each fine-tuned on a reward of its own, the scores of these merges on all
    rewards trace what can be had at once (Ramé et al. 2023).

    Args:
        points: steps from one model to another; ``points + 1`` merges for two models.

    Raises:
        UsageError: no step.
    """
    check_whole(points=points)
    number = len(models)
    for parts in product(range(points + 1), repeat=number - 1):
        first = points - sum(parts)
        if first >= 0:
            weights = tuple(part / points for part in (first, *parts))
            yield weights, merge_models(Average(), models, weights=weights)


def front(scores: np.ndarray) -> np.ndarray:
    """Which merges no other beats: at least as good by all scores and better by one.

    Args:
        scores: ``(n, k)``, larger is better.

    Returns:
        Bool ``(n,)``.
    """
    scores = np.asarray(scores, dtype=float)
    at_least = (scores[:, None] >= scores[None]).all(2)
    better = (scores[:, None] > scores[None]).any(2)
    return np.asarray(~(at_least & better).any(0))


def loss_path(
    first: Model, second: Model, loss: Callable[[Model], float], points: int = 20
) -> Path:
    """The loss at ``points + 1`` places on the line between two models."""
    walked = [(w[1], float(loss(made))) for w, made in interpolations([first, second], points)]
    return Path(tuple(share for share, _ in walked), tuple(value for _, value in walked))


def sharpness(
    loss: Loss, model: Model, radius: float = 0.05, layers: bool = False
) -> dict[str, float]:
    """How much the loss rises on a step of a given length along its gradient.

    Args:
        loss: of parameters by name, differentiable; of the same examples at each call.
        model: the parameters; what is not floating point is left alone.
        radius: length of the step, relative to the length of the weights that take it.
        layers: whether each layer steps alone, with the others at rest.

    Returns:
        ``L(θ + r |θ| g / |g|) - L(θ)`` by layer, or under ``"all"``. It is 0 where the gradient is.
    """
    parameters = {
        name: tensor.detach().clone().requires_grad_(True)
        for name, tensor in model.items()
        if tensor.is_floating_point()
    }
    rest = {name: tensor for name, tensor in model.items() if name not in parameters}
    here = loss({**parameters, **rest})
    found = torch.autograd.grad(
        here, list(parameters.values()), allow_unused=True, materialize_grads=True
    )
    gradients = dict(zip(parameters, found, strict=True))
    homes: dict[str, list[str]] = {}
    for name in parameters:
        homes.setdefault(layer_of(name) if layers else "all", []).append(name)
    risen: dict[str, float] = {}
    with torch.no_grad():
        for layer, names in homes.items():
            length = _norm([gradients[name] for name in names])
            step = radius * _norm([parameters[name] for name in names]) / length if length else 0.0
            moved = {name: parameters[name] + step * gradients[name] for name in names}
            risen[layer] = float(loss({**parameters, **moved, **rest}) - here)
    return risen


def moved(before: Model, after: Model) -> dict[str, float]:
    """How far each layer moved, relative to its weights before; NaN where these are all 0."""
    lengths: dict[str, list[list[Tensor]]] = {}
    for name, tensor in before.items():
        if tensor.is_floating_point():
            parts = lengths.setdefault(layer_of(name), [[], []])
            parts[0].append(after[name] - tensor)
            parts[1].append(tensor)
    return {
        layer: _norm(way) / length if (length := _norm(start)) else float("nan")
        for layer, (way, start) in lengths.items()
    }


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(torch.stack([t.detach().double().square().sum() for t in tensors]).sum().sqrt())
