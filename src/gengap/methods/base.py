"""What every training-time method is: hyperparameters, and a loss or an update.

A method is a frozen dataclass whose fields are its :mod:`~gengap.base.hyperparameters`. Inside a
fleet the same dataclass holds a vector per field, one entry per run, so ``loss`` is written once,
with a leading axis of runs ``R``, and works for one run or a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.models.networks import Network, Parameters
from gengap.training.optimizer import AdamW


@dataclass(frozen=True)
class Context:
    """What a method may know of the problem before training.

    Attributes:
        task: ``"classification"`` or ``"regression"``.
        outputs: number of logits: classes, or 1.
        environments: environments of the problem, ``K``; a run may train on fewer.
        slots: environments per batch, ``E <= K``.
        features: width of the network's features.
        steps: length of the training.
    """

    task: str
    outputs: int
    environments: int
    slots: int
    features: int
    steps: int


@dataclass(frozen=True)
class Batch:
    """One step's examples of all runs.

    Attributes:
        x: ``(R, E, B, *shape)`` inputs: ``E`` environments, ``B`` examples each.
        y: ``(R, E, B)`` class codes (int64) or standardised targets (float32); ``(R, E, B, L)``
            where an example has several targets, such as the tokens of a sequence.
        environment: ``(R, E)`` which of the run's training environments fills each slot, a number
            below ``K``.
        class_share: ``(R, K, C)`` share of each class in each training environment, zeros beyond
            them; for regression ``(R, K, 0)``.
        step: steps taken before this one.
        context: the problem.
        generators: one NumPy generator per run for whatever the method draws.
        mask: shaped as ``y``, False where there is no target (any valid ``y`` stands there); None
            where every place has one. An example without any target is no example.
    """

    x: Tensor
    y: Tensor
    environment: Tensor
    class_share: Tensor
    step: int
    context: Context
    generators: Sequence[np.random.Generator]
    mask: Tensor | None = None

    def losses(self, logits: Tensor) -> Tensor:
        """Cross-entropy or squared error per example, ``(R, E, B, ..., C)`` to ``(R, E, B)``.

        The loss of an example with several targets is their mean.
        """
        if self.context.task == "regression":
            return self.per_example((logits.squeeze(-1) - self.y).square())
        flat = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), self.y.reshape(-1), reduction="none"
        )
        return self.per_example(flat.view(self.y.shape))

    def per_example(self, values: Tensor) -> Tensor:
        """Mean over each example's own targets, ``(R, E, B, ...)`` to ``(R, E, B)``."""
        targets = tuple(range(3, values.dim()))
        if self.mask is None:
            return values.mean(targets) if targets else values
        values = torch.where(self.mask, values, 0.0)
        if not targets:
            return values
        return values.sum(targets) / self.mask.sum(targets).clamp(min=1)

    def average(self, values: Tensor) -> Tensor:
        """Mean over each environment's examples, ``(R, E, B)`` to ``(R, E)``."""
        if self.mask is None:
            return values.mean(-1)
        present = self.mask.flatten(3).any(-1) if self.mask.dim() > 3 else self.mask
        return values.sum(-1) / present.sum(-1).clamp(min=1)

    def risks(self, logits: Tensor) -> Tensor:
        """Mean loss per run and environment, ``(R, E)``."""
        return self.average(self.losses(logits))

    def take(self, slots: Tensor) -> Batch:
        """The batch with other slots in the place of its own, ``slots (R, E')`` of them per run."""
        runs = torch.arange(len(slots), device=slots.device)[:, None]
        return replace(
            self,
            x=self.x[runs, slots],
            y=self.y[runs, slots],
            environment=self.environment[runs, slots],
            mask=None if self.mask is None else self.mask[runs, slots],
        )


@dataclass(frozen=True)
class Method(Hyperparameters):
    """Base of all methods: plain gradient descent on :meth:`loss` with AdamW.

    Subclasses give ``loss``; those that are an update rather than a loss override ``gradients``
    or ``update``. All tensors of ``state`` are theirs to use and start from ``initial_state``.
    """

    learning_rate: float = hyperparameter(1e-3, 1e-4, 1e-2, log=True, help="step size of AdamW")
    weight_decay: float = hyperparameter(1e-4, 1e-6, 1e-2, log=True, help="decoupled weight decay")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Trainable parameters of one run beyond the network's, e.g. a discriminator's."""
        return {}

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Tensors carried from step to step, stacked over runs; ``parameters`` are stacked too."""
        return {}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Return the loss of each run, ``(R,)``."""
        raise NotImplementedError

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the loss for every parameter; runs do not interact, so one sum serves all."""
        return gradients(self.loss(network, batch, state).sum(), network.parameters)

    def update(
        self, network: Network, optimizer: AdamW, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Take one training step, in place."""
        optimizer.step(self.gradients(network, batch, state))

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The parameters to predict with; averaging methods return an average."""
        return network.parameters


def gradients(scalar: Tensor, parameters: Parameters) -> Parameters:
    """Gradient of a scalar for named parameters, zero where it does not depend on them."""
    values = torch.autograd.grad(scalar, list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(parameters.items(), values, strict=True)
    }


def along_runs(values: Any, other: Tensor) -> Tensor:
    """View a hyperparameter ``(R,)`` so that it broadcasts against ``other (R, ...)``."""
    return torch.as_tensor(values, device=other.device).view(-1, *(1,) * (other.dim() - 1))


def stack(methods: Sequence[Method], device: torch.device | str = "cpu") -> Method:
    """Join the methods of several runs into one whose fields are vectors ``(R,)``."""
    kind = type(methods[0])
    values = {
        name: torch.tensor([float(getattr(m, name)) for m in methods], device=device)
        for name in kind.fields()
    }
    return kind(**values)  # type: ignore[arg-type]
