"""Fish: gradients of the environments that point the same way.

Adding the inner products of the environments' gradients ``g_e = ∇R_e`` to the objective,

    min_θ  1/E Σ_e R_e  -  γ · mean over pairs (i, j) of  g_i · g_j,

asks for a step that helps all environments at once. Its gradient needs second derivatives. Fish
reaches it to first order by plain steps: from ``θ`` take one optimizer step on each environment
in turn, in random order, to ``θ'``, then move

    θ <- θ + ε (θ' - θ).

Later steps see gradients at parameters already moved by earlier ones; expanded in the step size,
that difference is on average the gradient of the inner products.
As in the authors' code the inner steps are Adam's and the moments persist from step to step.

Helps when the environments' own optima disagree on a shortcut. Hurts little; with ``E`` inner
steps of a full learning rate it moves ``ε E`` times as far per batch as plain training, which
alone explains part of any difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, along_runs
from gengap.methods.erm import ERM
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import register
from gengap.models.networks import Network


@register(
    "fish",
    summary="steps through the environments one by one, then moves part of the way",
    paper=Paper(
        "Gradient matching for domain generalization",
        "Shi, Seely, Torr, Siddharth, Hannun, Usunier, Synnaeve",
        2022,
        "https://arxiv.org/abs/2104.09937",
    ),
    needs=("environment labels", "two or more training environments"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class Fish(ERM):
    """Inter-environment gradient matching; ``epsilon`` 0 stands still, 1 keeps the inner steps."""

    epsilon: float = hyperparameter(
        0.5, 5e-2, 1.0, log=True, limit=1, help="share of the inner steps' move that is kept"
    )

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """One inner step per environment, then the outer move."""
        start = {name: p.detach().clone() for name, p in network.parameters.items()}
        shuffled = batch.take(draw_order(batch).T)
        for slot in range(batch.y.shape[1]):
            optimizer.step(self.gradients(network, shuffled.only(slot), state))
        with torch.no_grad():
            for name, value in network.parameters.items():
                kept = along_runs(self.epsilon, value).to(value.dtype)
                value.copy_(torch.lerp(start[name], value, kept))


def draw_order(batch: Batch) -> Tensor:
    """A random order of the slots for each run: ``(E, R)``, one row per inner step."""
    slots = batch.x.shape[1]
    order = np.stack([generator.permutation(slots) for generator in batch.generators], 1)
    return torch.from_numpy(order).to(batch.x.device)
