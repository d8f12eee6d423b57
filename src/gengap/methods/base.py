"""What every training-time method is: hyperparameters, and a loss or an update.

Most methods are a loss. What else a method may bring has a default each: its optimiser, a head of
its own, phases, and an update that is no gradient of a loss. A batch offers row numbers, other
views of its inputs, unlabelled rows and a walk over all training rows to those that ask.

A method is a frozen dataclass whose fields are its :mod:`~gengap.base.hyperparameters`. Inside a
fleet the same dataclass holds a vector per field, one entry per run, so ``loss`` is written once,
with a leading axis of runs ``R``, and works for one run or a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import torch
from torch import Tensor

from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.methods.adamw import AdamW
from gengap.methods.batch import Batch, Context, present
from gengap.methods.optimizers import Optimizer
from gengap.methods.orders import Order, in_laps
from gengap.models.networks import Network, Output, Parameters, gradients_of

# What an agent remembers of its episodes, (R, copies, ...) each.
Memory = dict[str, Tensor]


@dataclass(frozen=True)
class Method(Hyperparameters):
    """Base of all methods: plain gradient descent on :meth:`loss` with AdamW.

    Subclasses give ``loss``; those that are an update rather than a loss override ``gradients``
    or ``update``. All tensors of ``state`` are theirs to use and start from ``initial_state``.
    Everything acts on each run apart, and whatever is drawn comes from ``batch.generators``.
    ``says_values`` is for those that act on what actions are worth, and say it; where nothing
    ``learns``, no batch is drawn. ``joins`` says what may be joined in weight space: models of
    several trials, checkpoints of one run, and either with the weights before training. Methods
    that predict with what they fit at their own time, beside the weights, leave some out.
    ``predicts_elsewhere`` is for those whose training never passes through the weights that they
    predict with, so that statistics of batches are gathered there.
    """

    says_values: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    joins: ClassVar[tuple[str, ...]] = ("models", "trajectory", "base")
    predicts_elsewhere: ClassVar[bool] = False
    learning_rate: float = hyperparameter(1e-3, 1e-4, 1e-2, log=True, help="step size of AdamW")
    weight_decay: float = hyperparameter(1e-4, 1e-6, 1e-2, log=True, help="decoupled weight decay")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Trainable parameters of one run beyond the network's, e.g. a discriminator's."""
        return {}

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """Further networks of the study's architecture, each ``(further inputs, outputs)`` by name.

        Their parameters are ``name/...``; :meth:`~gengap.models.networks.Network.branch` gives the
        network. Further inputs are numbers that follow the flattened ones, such as an action.
        """
        return {}

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Tensors carried from step to step, stacked over runs; ``parameters`` are stacked too."""
        return {}

    def optimizer(self, parameters: Parameters, context: Context) -> Optimizer:
        """The optimiser of the stacked parameters ``(R, ...)``; every knob is a vector ``(R,)``."""
        return AdamW(parameters, self.learning_rate, self.weight_decay)  # type: ignore[arg-type]

    def order(self, factors: pd.DataFrame) -> Order:
        """In what order one run is shown the rows of an environment.

        Args:
            factors: of the problem's units, ``n`` rows.
        """
        return in_laps

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """First step of each phase, ``(R,)`` each; before it :meth:`begin` is called.

        A phase whose first step is the number of steps begins after the last one.
        """
        return ()

    def begin(
        self,
        phase: int,
        runs: Tensor,
        network: Network,
        optimizer: Optimizer,
        batch: Batch,
        state: dict[str, Tensor],
    ) -> None:
        """Prepare what a phase needs, in place, for the runs that enter it.

        Args:
            phase: its position in :meth:`phases`.
            runs: ``(R,)`` bool, which runs enter; the others must stay as they are.
            network: its layers in evaluation.
            batch: the phase's first; ``batch.everything()`` walks over all training rows.
        """

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Return the loss of each run, ``(R,)``."""
        raise NotImplementedError

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradient of the loss for every parameter; runs do not interact, so one sum serves all."""
        return gradients(self.loss(network, batch, state).sum(), network.parameters)

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Take one training step, in place."""
        optimizer.step(self.gradients(network, batch, state))

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """All that prediction reads: an average of parameters, or what a head needs besides."""
        return network.parameters

    def output(self, network: Network, x: Tensor) -> Output:
        """Features and logits to predict with; methods with a head of their own put it here.

        Args:
            network: at the :meth:`prediction_parameters`.
            x: inputs ``(R, ..., *shape)``.
        """
        return network(x)

    def memory(self, network: Network, copies: int) -> Memory:
        """What is remembered of an episode that begins, in ``copies`` of each run.

        Tensors ``(R, copies, ...)`` by name. Methods that act on what they see alone have none.
        """
        return {}

    def recall(self, network: Network, x: Tensor, memory: Memory) -> Output:
        """Features and logits to act with, by what is seen and what is remembered.

        Args:
            network: at the :meth:`prediction_parameters`.
            x: observations ``(R, n, *shape)``.
            memory: of the ``n`` copies; may be changed in place.
        """
        return self.output(network, x)

    def remember(self, network: Network, memory: Memory, action: Tensor, reward: Tensor) -> None:
        """Take in, in place, what was done after the last :meth:`recall` and what it earned.

        Args:
            action: ``(R, n)`` int64, or ``(R, n, A)`` float32 between -1 and 1.
            reward: ``(R, n)`` float32, as rewards are in logs.
        """


class Predictor(Network):
    """The networks of some runs as their method predicts with them."""

    def __init__(self, network: Network, method: Method) -> None:
        super().__init__(network.architecture, network.parameters, network.shape)
        self.method = method

    def __call__(self, x: Tensor) -> Output:
        """Features and logits with the leading axes of ``x``."""
        return self.method.output(self.plain, x)

    def at(self, parameters: Parameters) -> Predictor:
        """The same head on the same networks at other parameters."""
        return Predictor(super().at(parameters), self.method)

    @property
    def remembers(self) -> bool:
        """Whether what is acted on depends on what went before in the episode."""
        return type(self.method).recall is not Method.recall

    @property
    def plain(self) -> Network:
        """The networks without the method's head."""
        return super().at(self.parameters)

    def run(self, number: int) -> Predictor:
        """One run's network, a fleet of one."""
        fields = self.method.fields()
        values = {f: torch.as_tensor(getattr(self.method, f))[number : number + 1] for f in fields}
        return Predictor(super().run(number), type(self.method)(**values))  # type: ignore[arg-type]


def headed(network: Network, method: Method) -> Network:
    """Networks as their method predicts with them, which for most is as they are."""
    return network if type(method).output is Method.output else Predictor(network, method)


def as_episodes_begin(method: Method, network: Network, x: Tensor) -> Output:
    """What a method that remembers acts on where nothing went before; see :meth:`Method.output`."""
    flat = x.flatten(1, x.dim() - len(network.shape) - 1)
    made = method.recall(network, flat, method.memory(network, flat.shape[1]))
    leading = x.shape[: x.dim() - len(network.shape)]
    return Output(*(values.view(*leading, -1) for values in made))


def take_step(
    method: Method, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
) -> None:
    """One step of training: begin the phases that are due, update, and after the last step end.

    Phases look at what networks say of rows as they would predict it: layers are in evaluation.
    """

    def begin(step: int) -> None:
        for phase, first in enumerate(method.phases(batch.context)):
            runs = first == step
            if bool(runs.any()):
                network.architecture.train(False)
                method.begin(phase, runs, network, optimizer, batch, state)
                network.architecture.train(True)

    begin(batch.step)
    method.update(network, optimizer, batch, state)
    if batch.step + 1 == batch.context.steps:
        begin(batch.context.steps)


def gradients(scalar: Tensor, parameters: Parameters) -> Parameters:
    """Gradient of a scalar for named parameters, zero where it does not depend on them."""
    return gradients_of(scalar, parameters)


def mean_risk(network: Network, batch: Batch) -> Tensor:
    """Mean over environments of the risk on all training rows, ``(R,)``."""
    sums: list[Tensor] = []
    counts: list[Tensor] = []
    for part in batch.everything():
        assert part.mask is not None
        sums.append(part.losses(_said(network.still(), part)).sum(-1))
        counts.append(present(part.mask).sum(-1))
    count = torch.stack(counts).sum(0)
    risks = torch.stack(sums).sum(0) / count.clamp(min=1)
    return risks.sum(1) / (count > 0).sum(1)


def _said(network: Network, part: Batch) -> Tensor:
    """Logits of a padded part; layers that normalise by the batch see no padding."""
    assert part.mask is not None
    there = present(part.mask)
    if len(there) > 1 or int(there.sum()) < 2:  # several runs share no such layers
        return network(part.x).logits
    own = network(part.x[there][None]).logits[0]
    found = own.new_zeros(*there.shape, *own.shape[1:])
    found[there] = own
    return found


def stack(methods: Sequence[Method], device: torch.device | str = "cpu") -> Method:
    """Join the methods of several runs into one whose fields are vectors ``(R,)``."""
    kind = type(methods[0])
    values = {
        name: torch.tensor([float(getattr(m, name)) for m in methods], device=device)
        for name in kind.fields()
    }
    return kind(**values)  # type: ignore[arg-type]
