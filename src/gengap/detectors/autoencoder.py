"""Autoencoder: what a narrow network that learned to copy training examples cannot copy.

A network of three hidden layers, the middle one of fewer units than there are features, is trained
to return its input, the features in standard deviations,

    min over weights  mean_i || r(x_i) - x_i ||² / d,      s(x) = || r(x) - x ||² / d.

It can copy only what lies near the curved surface of low dimension along which training examples
lie. With linear units and their optimum the surface is the principal subspace (see residual).

Source: S. Hawkins, H. He, G. Williams & R. Baxter, Outlier detection using replicator neural
networks, DaWaK 2002.

Helps where features depend on one another in curved ways, at some hundred examples or more. Hurts
with few examples; and a network that is wide enough copies strangers too, nearby ones above all.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import derive, generator
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, finite, known_features
from gengap.detectors.tools.standardising import fit_standardising, standardised
from gengap.models.outputs import Outputs, features_of

HIDDEN = 32
BATCH = 64
LEARNING_RATE = 3e-3


@register_detector(
    "autoencoder",
    summary="what a narrow network trained to copy its input cannot copy",
    paper=Paper(
        "Outlier detection using replicator neural networks",
        "Hawkins, He, Williams, Baxter",
        2002,
        "https://doi.org/10.1007/3-540-46145-0_17",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="one pass through a small network",
)
@dataclass(frozen=True)
class Autoencoder(Detector):
    """Reconstruction error of a network with a bottleneck."""

    code: float = hyperparameter(
        0.5, 0.1, 0.9, limit=1, help="units of the bottleneck, as a share of the features"
    )
    steps: int = hyperparameter(1000, 200, 10_000, log=True, help="training steps")
    seed: int = hyperparameter(0, 0, 0, help="of the weights and the batches")

    def fit(self, train: Outputs) -> Fitted:
        """Train the network; twice on the same features gives the same."""
        features = known_features(train, 2)
        fitted = fit_standardising(features)
        d = features.shape[1]
        widths = (d, HIDDEN, max(1, round(self.code * d)), HIDDEN, d)
        source = torch.Generator().manual_seed(derive(self.seed, "autoencoder weights"))
        weights = {}
        for layer, (into, out) in enumerate(itertools.pairwise(widths)):
            weights[f"weight{layer}"] = torch.randn(into, out, generator=source) / into**0.5
            weights[f"bias{layer}"] = torch.zeros(out)
        rows = standardised(features, fitted)
        return fitted | trained(weights, rows, self.steps, self.seed)

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Mean squared error of the copy, in squared standard deviations."""

        def error(chunk: Outputs) -> Tensor:
            rows = standardised(bounded(features_of(chunk)), fitted)
            return finite((copies(fitted, rows) - rows).square().mean(1))

        return by_examples(error, outputs)


def copies(weights: Fitted, rows: Tensor) -> Tensor:
    """What the network makes of rows ``(n, d)``."""
    for layer in range(3):
        rows = torch.addmm(weights[f"bias{layer}"], rows, weights[f"weight{layer}"])
        rows = rows if layer == 1 else rows.tanh()
    return torch.addmm(weights["bias3"], rows, weights["weight3"])


def trained(weights: Fitted, rows: Tensor, steps: int, seed: int) -> Fitted:
    """Weights after so many steps of Adam on batches of 64, the step falling to 0."""
    for value in weights.values():
        value.requires_grad_()
    optimizer = torch.optim.Adam(list(weights.values()), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    draw = generator(seed, "autoencoder batches")
    with torch.enable_grad():
        for _ in range(steps):
            some = rows[torch.from_numpy(draw.integers(len(rows), size=min(BATCH, len(rows))))]
            optimizer.zero_grad()
            (copies(weights, some) - some).square().mean().backward()
            optimizer.step()
            schedule.step()
    return {name: value.detach() for name, value in weights.items()}
