"""Sparse fine-tuning (SAFT): only the weights move on which the task pulls hardest at the start.

A network that was trained before knows more than the data at hand can teach, and each weight that
moves forgets some of it. So the gradient of the mean risk over all training rows is taken once,
where training begins, and of all weights together only a share ``d`` may ever move,

    m_i = 1 for the d P largest |∂R/∂θ_i| of P weights, at θ_0, else 0,
    θ <- θ + m ⊙ (a step of the optimiser along m ⊙ ∇R),

weight decay included, so that all others are in the end what they were. The same mask over
fine-tunings that moved everything is the merge ``saft`` (:mod:`gengap.merges.entrywise.grafts`).

Helps from a start that already does something of the task (``--start``), most where the unseen
environment is nearer to what that was trained on. Hurts from nothing, for random weights know
nothing that is worth keeping, and where the task is far from what was known. ``d`` decides: the
source takes 0.001 of large networks; small ones have fewer weights to spare.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import gradients, mean_risk
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.erm import ERM
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import ALL_ROWS, register
from gengap.models.networks import Network, Parameters


@register(
    "sparse-fine-tuning",
    summary="moves only the weights with the largest gradients at the start",
    paper=Paper(
        "SAFT: towards out-of-distribution generalization in fine-tuning",
        "Nguyen, Uhlich, Cardinaux, Mauch, Edraki, Courville",
        2024,
        "https://arxiv.org/abs/2407.03036",
    ),
    needs=(ALL_ROWS,),
    looks=1,
)
@dataclass(frozen=True)
class SparseFineTuning(ERM):
    """Plain training of few weights; with ``density`` 1 of all."""

    density: float = hyperparameter(
        0.05, 1e-3, 0.5, log=True, limit=1, help="share of all weights that may move"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """For each parameter which of its entries move; none before they are chosen."""
        return {name: torch.zeros_like(p, dtype=torch.bool) for name, p in parameters.items()}

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """The beginning, where entries are chosen."""
        return (torch.zeros_like(torch.as_tensor(self.density)),)

    def begin(
        self,
        phase: int,
        runs: Tensor,
        network: Network,
        optimizer: Optimizer,
        batch: Batch,
        state: dict[str, Tensor],
    ) -> None:
        """Choose the entries by the gradient over all training rows."""
        network.architecture.train(True)  # the slopes that training begins with
        with torch.enable_grad():
            slopes = gradients(mean_risk(network, batch).sum(), network.parameters)
        for name, moving in largest(slopes, self.density).items():
            state[name] = torch.where(along_runs(runs, moving), moving, state[name])

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """A step of those that move, after which the others are where they were."""
        before = {name: p.detach().clone() for name, p in network.parameters.items()}
        slopes = self.gradients(network, batch, state)
        optimizer.step({name: slope * state[name] for name, slope in slopes.items()})
        with torch.no_grad():
            for name, value in network.parameters.items():
                value.copy_(torch.where(state[name], value, before[name]))


def largest(slopes: Parameters, density: float | Tensor) -> Parameters:
    """Which entries ``(R, ...)`` are among the largest of a run, all tensors together.

    Args:
        slopes: by name.
        density: ``(R,)`` share of all entries, of which there is one at least.
    """
    sizes = torch.cat([slope.abs().flatten(1) for slope in slopes.values()], 1)
    share = torch.as_tensor(density, device=sizes.device).expand(len(sizes))
    rank = (share * sizes.shape[1]).round().long().clamp(min=1) - 1
    least = sizes.sort(1, descending=True).values.gather(1, rank[:, None])
    return {name: slope.abs() >= along_runs(least, slope) for name, slope in slopes.items()}
