"""Last-layer retraining: keep the features, fit the last layer anew where nothing is memorised.

A network trained on a shortcut still learns the features behind it; its last layer merely weighs
them wrongly. So a share of the training rows is held out, the network trains plainly on the rest,
and at the end a new last layer is fitted to the features ``h`` of the rows held out,

    min_{W, b}  Σ_i w_i ℓ(W h_i + b, y_i)  +  ρ/2 |W|²,

with ``w_i`` such that all groups (class within environment) count alike, and features standardised
on the same rows. The problem is convex and is solved to its end: for classes by Newton steps with
Böhning's bound ``1/2 HᵀwH`` in the place of the Hessian, which never overshoot and need one
factorisation, hastened by Nesterov's momentum; for values at once.

Helps when features are good and the last layer is not, as under shortcuts that a minority of the
rows breaks. Hurts with few rows per group, and where features are the trouble: what the network
did not learn cannot be weighed. The rows held out are missed in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, register
from gengap.models.networks import Network, Output, Parameters

ROUNDS = 300  # of the Newton steps


@register(
    "last-layer",
    summary="fits the last layer anew to balanced rows that training did not see",
    paper=Paper(
        "Last layer re-training is sufficient for robustness to spurious correlations",
        "Kirichenko, Izmailov, Wilson",
        2023,
        "https://arxiv.org/abs/2204.02937",
    ),
    needs=("environment labels", "hidden features", ONE_TARGET, ALL_ROWS),
    looks=1,
)
@dataclass(frozen=True)
class LastLayer(Method):
    """Plain training on most rows, then a last layer for the balanced rest."""

    joins: ClassVar[tuple[str, ...]] = ("models",)  # there is no new layer before the end
    held_out: float = hyperparameter(
        0.2, 0.1, 0.5, limit=1, help="share of the training rows that only the last layer sees"
    )
    ridge: float = hyperparameter(
        1e-2, 1e-4, 1.0, log=True, help="weight of the new layer's squared norm"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``held (R, n)``, and the new layer ``(R, d, C)`` with ``fitted (R, 1, 1)``, all zero."""
        some = next(iter(parameters.values())).detach()
        runs, size = len(some), (context.features, context.outputs)
        return {
            "held": some.new_zeros(runs, context.units),
            "last.weight": some.new_zeros(runs, *size),
            "last.bias": some.new_zeros(runs, 1, context.outputs),
            "last.fitted": some.new_zeros(runs, 1, 1),
        }

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """The beginning, and after the last step."""
        start = torch.zeros_like(torch.as_tensor(self.held_out))
        return start, start + context.steps

    @torch.no_grad()
    def begin(
        self,
        phase: int,
        runs: Tensor,
        network: Network,
        optimizer: Optimizer,
        batch: Batch,
        state: dict[str, Tensor],
    ) -> None:
        """Draw the rows to hold out; at the end fit the layer to them."""
        if phase == 0:
            draws = np.stack([g.random(state["held"].shape[1]) for g in batch.generators])
            drawn = torch.from_numpy(draws).to(state["held"])
            state["held"] = (drawn < along_runs(self.held_out, drawn)).to(drawn)
            return
        classes = batch.context.outputs if batch.context.task == "classification" else 0
        held = held_rows(network, batch, state["held"])
        for run, ridge, rows in self.fitting(*held):
            state["last.weight"][run], state["last.bias"][run] = fit(*rows, ridge, classes)
            state["last.fitted"][run] = 1

    def fitting(
        self, features: Tensor, y: Tensor, weights: Tensor
    ) -> Iterator[tuple[int, float, tuple[Tensor, Tensor, Tensor]]]:
        """Each run that holds any rows out, its ridge, and these rows, of :func:`held_rows`."""
        for run, ridge in enumerate(torch.as_tensor(self.ridge).tolist()):
            own = weights[run] > 0
            if own.any():
                yield run, ridge, (features[run, own], y[run, own], weights[run, own])

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk over the rows that are not held out."""
        assert batch.rows is not None
        held = state["held"].gather(1, batch.rows.flatten(1)).view(batch.rows.shape)
        losses = batch.losses(network(batch.x).logits)
        kept = 1 - held
        return ((losses * kept).sum(-1) / kept.sum(-1).clamp(min=1)).mean(1)

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The network and the new layer."""
        return {**network.parameters, **{k: v for k, v in state.items() if k.startswith("last.")}}

    def output(self, network: Network, x: Tensor) -> Output:
        """The new layer's logits once it is fitted, the network's own before."""
        features, logits = network(x)
        own = network.parameters
        told = torch.baddbmm(own["last.bias"], features.flatten(1, -2), own["last.weight"])
        fitted = along_runs(own["last.fitted"].flatten() > 0, logits)
        return Output(features, torch.where(fitted, told.view(logits.shape), logits))


def held_rows(
    network: Network, batch: Batch, held: Tensor, read: Callable[[Tensor], Tensor] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Features ``(R, n, d)``, targets ``(R, n)`` and weights of all training rows, ``(R, n)``.

    Weights sum to 1: equally much to each class within each environment among the rows held out,
    nothing to other rows. For regression an environment is a group.

    Args:
        network: of ``R`` runs.
        batch: any, which knows all rows.
        held: ``(R, n)`` 1 for rows held out, else 0.
        read: what inputs are read by; the network's features unless given.
    """
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    classes = max(batch.context.outputs, 1)
    for part in batch.everything():
        assert part.rows is not None
        assert part.mask is not None
        own = held.gather(1, part.rows.flatten(1)) * part.mask.flatten(1)
        group = part.environment[..., None].expand(part.y.shape) * classes
        group = group + part.y if batch.context.task == "classification" else group
        features = network(part.x).features if read is None else read(part.x)
        found.append((features.flatten(1, 2), part.y.flatten(1), own, group.flatten(1)))
    features, y, own, group = (torch.cat(pieces, 1) for pieces in zip(*found, strict=True))
    counts = own.new_zeros(len(own), batch.context.environments * classes)
    counts.scatter_add_(1, group, own)
    weights = own / counts.gather(1, group).clamp(min=1)
    return features, y, weights / weights.sum(1, keepdim=True).clamp(min=1)


def fit(
    features: Tensor, y: Tensor, weights: Tensor, ridge: float, classes: int
) -> tuple[Tensor, Tensor]:
    """One run's last layer ``(d, C)`` with its bias ``(1, C)`` that minimises the weighted loss.

    Args:
        features: ``(n, d)``.
        y: ``(n,)`` classes or values.
        weights: ``(n,)``, of sum 1.
        ridge: weight of half the squared norm of the layer on standardised features.
        classes: their number, 0 for values.
    """
    rows, share = features.double(), weights.double()[:, None]
    mean = (share * rows).sum(0)
    spread = (share * (rows - mean).square()).sum(0).sqrt()
    scale = torch.where(spread > 1e-9, 1 / spread, 0.0)
    rows = F.pad((rows - mean) * scale, (0, 1), value=1.0)
    wanted = F.one_hot(y, classes).double() if classes else y.double()[:, None]
    decay = rows.new_full((rows.shape[1], 1), ridge)
    decay[-1] = 1e-9  # the bias is free; as little as this keeps the system solvable
    bound = (0.5 if classes else 2.0) * (share * rows).T @ rows + torch.diag(decay[:, 0])
    factor = torch.linalg.cholesky(bound)

    def slope(layer: Tensor) -> Tensor:
        said = rows @ layer
        residual = torch.softmax(said, -1) - wanted if classes else 2 * (said - wanted)
        return rows.T @ (share * residual) + decay * layer

    layer = ahead = rows.new_zeros(rows.shape[1], wanted.shape[1])
    k = 0
    for _ in range(ROUNDS if classes else 1):
        uphill = slope(ahead)
        before, layer = layer, ahead - torch.cholesky_solve(uphill, factor)
        # Momentum that carries uphill has overshot, and starts anew.
        k = 0 if (uphill * (layer - before)).sum() > 0 else k + 1
        ahead = layer + k / (k + 3) * (layer - before)
    weight = layer[:-1] * scale[:, None]
    return weight.to(features), (layer[-1:] - mean @ weight).to(features)
