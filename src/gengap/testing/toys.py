"""Made-up environments small enough to train on in milliseconds.

Targets are a noisy linear function of the inputs, whose mean differs between environments. A
run's data, weights and draws depend on its number alone, so a run can be built alone or among
others and must come out the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.seeds import derive, generator
from gengap.methods.base import Batch, Context, Method, stack
from gengap.models.networks import MLP, Architecture, Network, Parameters
from gengap.training.optimizer import AdamW
from gengap.training.train import CountingNetwork

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class Size:
    """How large a toy is.

    Attributes:
        environments: training environments of a run.
        absent: further environments of the problem, which the run never sees.
        slots, batch: environments per batch and examples of each.
        pool: examples per environment.
    """

    environments: int = 3
    absent: int = 0
    slots: int = 3
    batch: int = 6
    steps: int = 6
    classes: int = 3
    shape: tuple[int, ...] = (5,)
    pool: int = 24


class RecordingAdamW(AdamW):
    """AdamW that keeps every gradient it was given."""

    def __init__(
        self, parameters: dict[str, Tensor], learning_rate: Tensor, weight_decay: Tensor
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.seen: list[Parameters] = []

    def step(self, gradients: dict[str, Tensor]) -> None:
        """Keep, then move."""
        self.seen.append({name: g.detach().clone() for name, g in gradients.items()})
        super().step(gradients)


@dataclass
class Toy:
    """A few runs of one method on made-up environments, ready to train.

    Attributes:
        method: the methods of the runs, stacked.
        network: the networks of the runs, counting the examples they see.
        optimizer: keeps the gradients it was given.
        state: the method's.
        batches: one per step.
    """

    method: Method
    network: CountingNetwork
    optimizer: RecordingAdamW
    state: dict[str, Tensor]
    batches: list[Batch]

    def train(self, steps: int | None = None) -> Parameters:
        """Take steps through the batches (all of them by default); return what predicts."""
        for batch in self.batches[:steps]:
            self.method.update(self.network, self.optimizer, batch, self.state)
        return self.predicting()

    def predicting(self) -> Parameters:
        """Copies of the parameters to predict with, now."""
        found = self.method.prediction_parameters(self.network, self.state)
        return {name: p.detach().clone() for name, p in found.items()}

    def risk(self, parameters: Parameters) -> float:
        """Mean plain loss over all runs and batches at these parameters."""
        with torch.no_grad():
            at = self.network.at(parameters)
            risks = [b.risks(at(b.x).logits).mean() for b in self.batches]
        return float(torch.stack(risks).mean())


def toy(
    methods: Sequence[Method],
    task: str = "classification",
    *,
    runs: Sequence[int] | None = None,
    size: Size | None = None,
    architecture: Architecture | None = None,
) -> Toy:
    """Build a toy; a run's data, weights and draws depend on its number alone.

    Args:
        methods: hyperparameters per run, all of one class.
        runs: the runs' numbers, ``0, 1, ...`` by default.
        architecture: one hidden layer of 8 units by default.
    """
    size = size or Size()
    architecture = architecture or MLP((8,))
    numbers = list(range(len(methods)) if runs is None else runs)
    outputs = size.classes if task == "classification" else 1
    own = [architecture.initialise(size.shape, outputs, derive(n, "toy weights")) for n in numbers]
    probe = {name: p[None] for name, p in own[0].items()}
    with torch.no_grad():
        features = architecture.forward(probe, torch.zeros(1, 2, *size.shape)).features.shape[-1]
    known = size.environments + size.absent
    context = Context(task, outputs, known, size.slots, features, size.steps)
    for parameters, method, number in zip(own, methods, numbers, strict=True):
        source = torch.Generator().manual_seed(derive(number, "toy method weights"))
        parameters.update(method.extra_parameters(context, source))
    stacked = {name: torch.stack([p[name] for p in own]).requires_grad_() for name in own[0]}
    network = CountingNetwork(Network(architecture, stacked, size.shape))
    joined = stack(methods)
    rates: tuple[Tensor, Tensor] = (joined.learning_rate, joined.weight_decay)  # type: ignore[assignment]
    optimizer = RecordingAdamW(stacked, *rates)
    state = joined.initial_state(context, stacked)
    return Toy(joined, network, optimizer, state, _batches(numbers, size, context))


def _batches(numbers: Sequence[int], size: Size, context: Context) -> list[Batch]:
    """The same generators serve all batches of a toy, as in a fleet."""
    drawn = [_run_batches(number, size, context) for number in numbers]
    x, y, environment, share = (np.stack(parts) for parts in zip(*drawn, strict=True))
    sources = [generator(number, "toy method") for number in numbers]
    return [
        Batch(
            torch.from_numpy(x[:, step]),
            torch.from_numpy(y[:, step]),
            torch.from_numpy(environment[:, step]),
            torch.from_numpy(share),
            step,
            context,
            sources,
        )
        for step in range(size.steps)
    ]


def _run_batches(number: int, size: Size, context: Context) -> tuple[np.ndarray, ...]:
    """One run's inputs, targets, environments (a leading axis of steps) and class shares."""
    draw = generator(number, "toy data", context.task)
    groups, pool = size.environments, (size.environments, size.pool)
    shift = draw.normal(size=(groups, 1, *size.shape)) / 2
    x = (draw.normal(size=(*pool, *size.shape)) + shift).astype(np.float32)
    signal = x.reshape(*pool, -1) @ draw.normal(size=(int(np.prod(size.shape)), context.outputs))
    signal += draw.normal(size=signal.shape) / 4
    y: np.ndarray = ((signal - signal.mean()) / signal.std())[..., 0].astype(np.float32)
    classes = context.outputs if context.task == "classification" else 0
    shares = np.zeros((context.environments, classes), np.float32)
    if classes:
        y = signal.argmax(-1)
        shares[:groups] = [np.bincount(own, minlength=classes) / size.pool for own in y]
    order = draw.random((size.steps, groups)).argsort(1)[:, : size.slots]
    rows = draw.integers(size.pool, size=(*order.shape, size.batch))
    where = order[..., None]
    return x[where, rows], y[where, rows], order, shares
