"""Intermediate-layer classifiers: read a layer in the middle where that one moves less.

The last hidden layer is what the network made for the training environments. Layers before it are
less specialised and often less moved by a shift, so a linear classifier on one of them can do
better elsewhere (Uselis & Oh 2025). As in last-layer retraining a share of the training rows is
held out, the network trains plainly on the rest, and then a linear layer is fitted to balanced
held-out rows on what enters *each* layer ``l``,

    min_{W, b}  Σ_i w_i ℓ(W h_i^l + b, y_i)  +  ρ/2 |W|².

Every other held-out row is for fitting and the rest choose the layer whose classifier has the
smaller loss there; that one is fitted anew to all held-out rows and predicts in the end. Inputs of
convolutions are averaged over space.

Helps where features of the end are the trouble and deep networks have others. Hurts where the
classes are told apart by the last layers only, which the choice notices as far as the rows held out
show it: they are of training environments. A network with one hidden layer has no choice, and this
is last-layer retraining.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.last_layer import LastLayer, fit, held_rows
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, register
from gengap.models.layer_inputs import layer_inputs, widest
from gengap.models.networks import Network, Output, Parameters


@register(
    "intermediate-layer",
    summary="fits a classifier to each layer and predicts from the one that held-out rows choose",
    paper=Paper(
        "Intermediate layer classifiers for OOD generalization",
        "Uselis, Oh",
        2025,
        "https://arxiv.org/abs/2504.05461",
    ),
    needs=("environment labels", "hidden features", ONE_TARGET, ALL_ROWS),
    looks=1,
)
@dataclass(frozen=True)
class IntermediateLayer(LastLayer):
    """Plain training on most rows, then a classifier on the layer that suits the balanced rest."""

    joins: ClassVar[tuple[str, ...]] = ()  # runs read different layers

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """As of last-layer retraining, as wide as any layer, and which ``layer (R, 1, 1)``."""
        found = super().initial_state(context, parameters)
        runs, width = len(found["held"]), max(widest(parameters), context.features)
        found["last.weight"] = found["held"].new_zeros(runs, width, context.outputs)
        return {**found, "last.layer": found["held"].new_zeros(runs, 1, 1)}

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
        """Draw the rows to hold out; at the end choose a layer by them and fit to it."""
        if phase == 0:
            super().begin(phase, runs, network, optimizer, batch, state)
            return
        classes = batch.context.outputs if batch.context.task == "classification" else 0
        widths: list[int] = []

        def read(x: Tensor) -> Tensor:
            layers, _ = layer_inputs(network, x)
            widths[:] = [layer.shape[-1] for layer in layers]
            return torch.cat(layers, -1)

        held = held_rows(network, batch, state["held"], read)
        for run, ridge, (joined, y, weights) in self.fitting(*held):
            layers, rows = joined.split(widths, -1), (y, weights)
            chosen = chosen_layer(layers, *rows, ridge, classes)
            weight, bias = fit(layers[chosen], *rows, ridge, classes)
            state["last.weight"][run, : len(weight)] = weight
            state["last.bias"][run], state["last.layer"][run] = bias, chosen
            state["last.fitted"][run] = 1

    def output(self, network: Network, x: Tensor) -> Output:
        """The chosen layer and its classifier's logits; the network's own before there is one."""
        layers, (features, logits) = layer_inputs(network, x)
        own = network.parameters
        width, chosen = own["last.weight"].shape[1], own["last.layer"].flatten()
        read = torch.stack([F.pad(h.flatten(1, -2), (0, width - h.shape[-1])) for h in layers])
        read = read[chosen.long().clamp(max=len(layers) - 1), torch.arange(len(chosen))]
        told = torch.baddbmm(own["last.bias"], read, own["last.weight"]).view(logits.shape)
        fitted = along_runs(own["last.fitted"].flatten() > 0, logits)
        return Output(features, torch.where(fitted, told, logits))


def chosen_layer(
    layers: tuple[Tensor, ...], y: Tensor, weights: Tensor, ridge: float, classes: int
) -> int:
    """The layer whose classifier, fitted to every other row, has the smallest loss on the rest.

    Args:
        layers: inputs of each, ``(n, d_l)``.
        y: ``(n,)`` classes or values.
        weights: ``(n,)``.
        ridge, classes: as of :func:`gengap.methods.last_layer.fit`.
    """
    first = torch.arange(len(y), device=y.device) % 2 == 0
    if len(layers) == 1 or first.all():
        return 0
    losses = []
    for rows in layers:
        share = weights[first] / weights[first].sum()
        weight, bias = fit(rows[first], y[first], share, ridge, classes)
        told = rows[~first] @ weight + bias
        each = (
            F.cross_entropy(told, y[~first], reduction="none")
            if classes
            else (told[:, 0] - y[~first]).square()
        )
        losses.append(float(each @ weights[~first].to(each)))
    return losses.index(min(losses))
