"""MoDify: training examples as difficult as the network can bear.

How capable the network is shows in the running mean ``M`` of its losses, and how difficult an
example is in its loss beside that, ``ℓ_i / M``, before the step,

    M <- μ M + (1 - μ) mean of ℓ.

Easy examples teach nothing more, ones far too difficult push the network about. So inputs are made
as difficult as suits, and what is still too much or too little is not learned from: with a
tolerance ``κ``,

    ℓ_i < M / κ               is shown in another view, which is harder;

and then, of the example as it is shown, with its loss ``ℓ'_i``,

    ℓ'_i < M / κ              is dropped, for now;
    ℓ'_i > M κ / (1 - t/T)    waits, and comes when the network is ready for it,

so that what waits becomes less and less, and at the end nothing is too difficult. Views are those
of :mod:`gengap.training.views` in the place of the paper's shuffled colour channels, whose strength
it sets by the difficulty; it ranks a loss in a bank of earlier ones, where here the mean stands.

Helps where training data hold both much that is trivial and some that is hopeless at first. Hurts
where the difficult minority is what breaks a shortcut: it is made to wait while the shortcut is
learned. Each step passes twice. ``κ`` matters: near 1 almost nothing is just right, large, it is
plain training at twice the cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import VIEWS, register
from gengap.models.networks import Network, Parameters


@register(
    "difficulty",
    summary="makes easy examples harder and lets too difficult ones wait",
    paper=Paper(
        "Domain generalization via balancing training difficulty and model capability",
        "Jiang, Huang, Jin, Lu",
        2023,
        "https://arxiv.org/abs/2309.00844",
    ),
    needs=(VIEWS,),
    passes=2.0,
)
@dataclass(frozen=True)
class Difficulty(Method):
    """Examples scheduled by their difficulty."""

    tolerance: float = hyperparameter(
        3.0, 1.5, 10.0, log=True, help="factor by which a loss may miss the mean"
    )
    momentum: float = hyperparameter(
        0.9, 0.5, 0.99, limit=1, help="share of the old mean loss that a step keeps"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``level (R,)``, the running mean of the losses; -1 before there is any."""
        some = next(iter(parameters.values())).detach()
        return {"level": some.new_full((len(some),), -1.0)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss of the examples that are just right, easy ones in another view."""
        with torch.no_grad():
            before = batch.losses(network(batch.x).logits)
        state["level"] = followed(state["level"], before.mean((1, 2)), self.momentum)
        left = 1 - batch.step / max(batch.context.steps, 1)
        easy, _ = scheduled(before, state["level"], self.tolerance, left)
        wide = easy.view(*easy.shape, *(1,) * (batch.x.dim() - 3))
        shown = torch.where(wide, batch.view(batch.x), batch.x)
        losses = batch.losses(network.still()(shown).logits)
        easy, late = scheduled(losses.detach(), state["level"], self.tolerance, left)
        right = ~(easy | late)
        return (losses * right).sum((1, 2)) / right.sum((1, 2)).clamp(min=1)


def followed(level: Tensor, mean: Tensor, momentum: float | Tensor) -> Tensor:
    """The running mean after a batch of mean loss ``mean (R,)``, which the first one sets."""
    keep = torch.as_tensor(momentum, device=level.device)
    return torch.where(level < 0, mean, keep * level + (1 - keep) * mean)


def scheduled(
    losses: Tensor, level: Tensor, tolerance: float | Tensor, left: float
) -> tuple[Tensor, Tensor]:
    """Which examples are too easy and which too difficult, both like ``losses (R, E, B)``.

    Args:
        level: ``(R,)``, the running mean of the losses.
        left: share of the training that is still to come.
    """
    bar, factor = along_runs(level, losses), along_runs(tolerance, losses)
    return losses * factor < bar, losses * left > bar * factor
