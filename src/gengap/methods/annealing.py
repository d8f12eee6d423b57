"""What joins late in training, each run at its own step.

A penalty that is on from the first step can keep the network from learning anything at all, so
IRM, V-REx and Fishr train plainly for a share ``a`` of the ``T`` steps and switch the penalty on
at step ``round(a T)``, the run's *onset*. A large penalty ``λ`` would also scale up the step, so
the sum may be divided by ``max(λ, 1)``. The optimizer's moments, which belong to the old loss,
are forgotten at the onset by the runs that reach it, and by no other.

The published settings train plainly for some 200 to 1500 steps. In trainings of a few hundred
steps that is about half of them, the default here; a tenth leaves a network that has hardly left
its initial weights, and a strong penalty keeps it there.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.optimizers import Optimizer
from gengap.models.networks import Network


def onset(share: Any, batch: Batch) -> Tensor:
    """First step with the penalty, ``(R,)``, given the share of the training before it."""
    return torch.round(torch.as_tensor(share, device=batch.x.device) * batch.context.steps)


def annealed(penalty: Any, share: Any, batch: Batch) -> Tensor:
    """The penalty's weight at this step, ``(R,)``: zero before the onset."""
    weight = torch.as_tensor(penalty, device=batch.x.device)
    return torch.where(batch.step >= onset(share, batch), weight, torch.zeros_like(weight))


def rescaled(risk: Tensor, weight: Tensor, penalty: Tensor) -> Tensor:
    """``(risk + weight penalty) / max(weight, 1)``, all ``(R,)``."""
    return (risk + weight * penalty) / weight.clamp(min=1)


class Annealed(Method):
    """A method whose ``penalty`` joins after a share ``anneal`` of the training."""

    penalty: float
    anneal: float

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Reset the optimizer of the runs whose penalty starts at this step, then step.

        A run with penalty 0 keeps its moments and stays plain training to the last digit.
        """
        starts = (batch.step == onset(self.anneal, batch)) & (torch.as_tensor(self.penalty) > 0)
        if batch.step > 0 and bool(starts.any()):
            optimizer.reset(starts)
        super().update(network, optimizer, batch, state)


class Staged(Method):
    """Plain training for a share of the steps, then with what the networks show by then.

    ``share`` names the hyperparameter that holds the share. Networks whose ``state`` holds initial
    parameters, each as ``"start NAME"``, start again from them.
    """

    share = "start"

    @abstractmethod
    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """Tensors ``(R, ...)`` of the state as the second part begins."""

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """The second part."""
        return (torch.round(torch.as_tensor(getattr(self, self.share)) * context.steps),)

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
        """Take in what the networks show."""
        for name, value in self.shown(network, batch).items():
            state[name] = torch.where(along_runs(runs, value), value, state[name])
        own = {name: p for name, p in network.parameters.items() if f"start {name}" in state}
        for name, value in own.items():
            value.copy_(torch.where(along_runs(runs, value), state[f"start {name}"], value))
        if own:
            network.begin_again()
            optimizer.reset(runs)
