"""Unleashing mask: forget the atypical examples that a trained network knows by heart.

Detection is often best in the middle of training and falls while the network memorises its last,
atypical examples. Small weights carry much of what was memorised, so a mask m that removes the
smallest tells how large the loss was before:

    ℓ = CE(m ⊙ θ)  on the training examples.

The network is then trained on until its loss is back at that level,

    min_θ |CE(θ) - ℓ| + ℓ,

which descends above the level and climbs below it (flooding, Ishida et al. 2020). The score is the
energy of the logits. The paper's other variant, which learns the mask, is not offered.

Helps when training went on long after the labels were fitted and some examples are odd. Hurts when
the mask removes too much: the level is then near chance, and the network forgets what it should
know. :func:`masked_level` tells the level beforehand. It also has nothing to restore where
detection does not fall in the course of training, as on digits (docs/results.md).
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.detectors.energy import Energy
from gengap.detectors.trained.base import (
    ROWS_AT_ONCE,
    SCHEDULE,
    Schedule,
    TrainedDetector,
    fitted_anew,
    plain_outputs,
    train_detector,
)
from gengap.methods.adamw import AdamW
from gengap.methods.base import gradients
from gengap.methods.erm import ERM
from gengap.models.networks import Network, Parameters

PAPER = Paper(
    "Unleashing mask: explore the intrinsic out-of-distribution detection capability",
    "Zhu, Li, Yao, Liu, Xu, Han",
    2023,
    "https://arxiv.org/abs/2306.03715",
)


def train(
    X: ArrayLike,
    y: ArrayLike,
    *,
    pruned: float = 0.5,
    schedule: Schedule = SCHEDULE,
    seed: int = 0,
) -> TrainedDetector:
    """Train a network plainly, then forget for a third as many steps; it scores by energy.

    Args:
        X: ``(n, ...)`` finite numbers.
        y: ``(n,)`` labels of at least two classes.
        pruned: share of the weights that the mask removes.

    Raises:
        UsageError: examples or labels that cannot be trained on, or ``pruned`` is no share.
    """
    plain = train_detector(ERM(), plain_outputs, Energy(), X, y, schedule=schedule, seed=seed)
    shorter = replace(schedule, steps=max(1, schedule.steps // 3))
    return forget(plain, X, y, pruned=pruned, schedule=shorter, seed=seed)


def forget(
    trained: TrainedDetector,
    X: ArrayLike,
    y: ArrayLike,
    *,
    pruned: float = 0.5,
    schedule: Schedule = SCHEDULE,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> TrainedDetector:
    """A copy of the network, trained on to the loss that it has without its smallest weights.

    Args:
        trained: a plainly trained network, which stays as it is.
        X, y: its training examples.
        pruned: share of the weights that the mask removes.
        schedule: steps and batch of the forgetting; its model is not read.
    """
    level = masked_level(trained, X, y, pruned)
    x = trained.prepared(X)
    labels = torch.from_numpy(trained.codes(y, len(x)))
    copied = {
        name: p.detach().clone().requires_grad_() for name, p in trained.network.parameters.items()
    }
    network = trained.network.at(copied)
    optimizer = AdamW(copied, torch.tensor([learning_rate]), torch.zeros(1))
    draw = generator(seed, "forget")
    network.architecture.train(True)
    for _ in range(schedule.steps):
        rows = torch.from_numpy(draw.permutation(len(x))[: schedule.batch])
        loss = F.cross_entropy(network(x[rows][None]).logits[0], labels[rows])
        optimizer.step(gradients(flooded(loss, level), copied))
    network.architecture.train(False)
    done = network.at({name: p.detach() for name, p in copied.items()})
    return fitted_anew(replace(trained, network=done), X, y)


def flooded(loss: Tensor, level: float) -> Tensor:
    """``|loss - level| + level``: descends above the level, climbs below it."""
    return (loss - level).abs() + level


def masked_level(trained: TrainedDetector, X: ArrayLike, y: ArrayLike, pruned: float) -> float:
    """Mean cross-entropy on these examples without the smallest weights.

    Raises:
        UsageError: ``pruned`` is not at least 0 and below 1.
    """
    if not 0 <= pruned < 1:
        raise UsageError(f"The share of weights to prune must be in [0, 1), not {pruned}.")
    x = trained.prepared(X)
    labels = torch.from_numpy(trained.codes(y, len(x)))
    return mean_loss(trained.network.at(masked(trained.network.parameters, pruned)), x, labels)


def masked(parameters: Parameters, pruned: float) -> Parameters:
    """Copies ``(1, ...)`` with the smallest weights of all layers together at 0; biases stay."""
    weights = [name for name, p in parameters.items() if p.dim() > 2 and min(p.shape[-2:]) > 1]
    magnitudes = torch.cat([parameters[name].detach().abs().flatten() for name in weights])
    count = int(pruned * len(magnitudes))
    least = magnitudes.kthvalue(count).values if count else magnitudes.new_tensor(-1.0)
    return {
        name: p.detach() * (p.detach().abs() > least) if name in weights else p.detach().clone()
        for name, p in parameters.items()
    }


@torch.no_grad()
def mean_loss(network: Network, x: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy of prepared inputs ``(n, ...)`` with class codes ``(n,)``."""
    blocks = zip(x.split(ROWS_AT_ONCE), labels.split(ROWS_AT_ONCE), strict=True)
    sums = [F.cross_entropy(network(a[None]).logits[0], b, reduction="sum") for a, b in blocks]
    return float(torch.stack(sums).double().sum() / len(x))
