"""Gradient descent on inliers with labels and, beside them, examples that have none.

One step draws as many inliers as ``batch`` says and some of the others, with replacement, and
follows the gradient of a loss of both with AdamW (Loshchilov, Hutter 2019, arXiv:1711.05101).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.base.seeds import derive, generator
from gengap.models.reading import outputs_of


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; ``batch`` counts the inliers of a step."""

    steps: int = 300
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("batch", 1), ("learning_rate", 0), ("weight_decay", 0)):
            value = getattr(self, name)
            if not np.isfinite(value) or value < least:
                raise UsageError(f"The schedule's {name} must be at least {least}, not {value!r}.")


@dataclass(frozen=True)
class Examples:
    """What a network is trained on.

    Attributes:
        inliers: ``(n, ...)`` float32 inputs as the network takes them.
        labels: ``(n,)`` int64 class numbers from 0.
        others: ``(m, ...)`` float32 inputs without labels: outliers, or a wild mixture.
    """

    inliers: Tensor
    labels: Tensor
    others: Tensor


class Draw(NamedTuple):
    """One step's examples, and the generator for whatever else the loss draws."""

    inliers: Tensor
    labels: Tensor
    others: Tensor
    source: np.random.Generator


Loss = Callable[[nn.Module, Draw], Tensor]


def checked(
    model: nn.Module, inliers: Tensor, labels: Tensor, others: Tensor, *, spare: int = 0
) -> Examples:
    """Examples that the network can be trained on.

    Args:
        spare: outputs that the network must have beyond its classes.

    Raises:
        UsageError: examples are missing, not finite or of another shape, labels are not class
            numbers of two or more classes, or the network has too few outputs.
    """
    inliers, others = torch.as_tensor(inliers).float(), torch.as_tensor(others).float()
    labels = torch.as_tensor(labels)
    if not len(inliers) or not len(others):
        raise UsageError("Training against strangers needs inliers and outliers; one has no rows.")
    if inliers.shape[1:] != others.shape[1:]:
        raise UsageError(
            f"Inliers of shape {tuple(inliers.shape[1:])} and outliers of shape "
            f"{tuple(others.shape[1:])} cannot go through one network; prepare them alike."
        )
    if not (torch.isfinite(inliers).all() and torch.isfinite(others).all()):
        raise UsageError("The training examples hold NaN or infinity; leave those examples out.")
    if labels.is_floating_point() or labels.shape != inliers.shape[:1] or labels.min() < 0:
        raise UsageError("The labels must be one class number from 0 for each inlier.")
    if len(labels.unique()) < 2:
        raise UsageError("The inliers must be of at least 2 classes; they are all of one.")
    outputs, needed = _outputs(model, inliers[:2]), int(labels.max()) + 1 + spare
    if outputs < needed:
        raise UsageError(
            f"The network has {outputs} outputs, but these labels need {needed}; widen its last "
            "layer."
        )
    return Examples(inliers, labels.long(), others)


def trained(
    model: nn.Module,
    examples: Examples,
    loss: Loss,
    schedule: Schedule,
    *,
    seed: int,
    purpose: str,
    others_per_step: int | None = None,
) -> nn.Module:
    """A copy of the network after descent on a loss, in evaluation mode.

    Args:
        loss: scalar loss of the network and a step's examples.
        purpose: names the streams of random numbers.
        others_per_step: examples without labels per step; as many as inliers when not given.

    Raises:
        UsageError: nothing can be trained, or a parameter ends as no number.
    """
    network = copy.deepcopy(model).train()
    parameters = [p for p in network.parameters() if p.requires_grad]
    if not parameters:
        raise UsageError("The network has no parameters that may be trained; unfreeze some.")
    optimizer = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    source = generator(seed, purpose)
    n, m = len(examples.inliers), len(examples.others)
    # Dropout draws from torch's global generator, which is put back afterwards.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive(seed, purpose, "network"))
        for _ in range(schedule.steps):
            rows = torch.from_numpy(source.integers(n, size=schedule.batch))
            beside = torch.from_numpy(source.integers(m, size=others_per_step or schedule.batch))
            draw = Draw(
                examples.inliers[rows], examples.labels[rows], examples.others[beside], source
            )
            optimizer.zero_grad()
            loss(network, draw).backward()
            optimizer.step()
    optimizer.zero_grad()
    if not all(torch.isfinite(p).all() for p in parameters):
        raise UsageError(
            "The training diverged; scale the inputs, or lower the learning rate or the weights."
        )
    return network.eval()


def both(network: nn.Module, draw: Draw) -> tuple[Tensor, Tensor]:
    """Logits of a step's inliers and of the others, from one pass over both."""
    logits = network(torch.cat([draw.inliers, draw.others]))
    return logits[: len(draw.inliers)], logits[len(draw.inliers) :]


@torch.no_grad()
def _outputs(model: nn.Module, rows: Tensor) -> int:
    logits = outputs_of(model, rows).logits
    assert logits is not None
    return logits.shape[1]
