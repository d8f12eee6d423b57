"""Written steps are taken away bit by bit, until the answer comes without any.

A target is steps and then the answer, ``s_1 ... s_k  a``. At first all of it is to be said; then
the steps are left out from the front, in sixteen stages over a part of the training,

    share removed  r(t) = ⌊16 · (t/T - b) / (e - b)⌋ / 16,   between 0 and 1,

and the loss is plain training's on what is left. In every example a few tokens more are removed at
random, ``P(o) ∝ exp(-4 o)``, which makes the stages less abrupt, and the optimiser forgets its
moments at each of them, as gradients change. From ``e`` on the network answers at once.

Helps where the answer is too far from the question to be learnt from pairs of both alone. Hurts
where steps are few: the answer alone is trained on for the last part only. Needs targets that begin
with steps, and is of use where the answer alone is asked (``asked=answer``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import STEPS, register
from gengap.methods.scheduled import ScheduledTraining
from gengap.models.networks import Network

STAGES = 16
# Chance of a further token, and of one more after each; exp(-4).
FURTHER = float(np.exp(-4))


@register(
    "step-removal",
    summary="removes the steps written before answers bit by bit in training",
    paper=Paper(
        "From explicit CoT to implicit CoT: learning to internalize CoT step by step",
        "Deng, Choi, Shieber",
        2024,
        "https://arxiv.org/abs/2405.14838",
    ),
    needs=(STEPS,),
)
@dataclass(frozen=True)
class StepRemoval(ScheduledTraining):
    """Plain training on targets whose steps become fewer."""

    begin_at: float = hyperparameter(
        0.2, 0.0, 0.4, limit=1, help="share of the training with all steps"
    )
    end_at: float = hyperparameter(
        0.7, 0.5, 0.9, limit=1, help="share of the training after which no step is left"
    )

    def _firsts(self, context: Context) -> list[Tensor]:
        """The first step of each stage, ``(R,)`` each."""
        begin, end = (torch.as_tensor(v) for v in (self.begin_at, self.end_at))
        shares = [begin + (end - begin) * stage / STAGES for stage in range(1, STAGES + 1)]
        return [(share * context.steps).long().clamp(max=context.steps - 1) for share in shares]

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """The stages."""
        return tuple(self._firsts(context))

    def begin(
        self,
        phase: int,
        runs: Tensor,
        network: Network,
        optimizer: Optimizer,
        batch: Batch,
        state: dict[str, Tensor],
    ) -> None:
        """Forget the moments."""
        optimizer.reset(runs)

    def removed(self, step: int, context: Context) -> Tensor:
        """The share of the steps that is left out, ``(R,)``."""
        passed = torch.stack([first <= step for first in self._firsts(context)])
        return passed.sum(0) / STAGES

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk on what is left."""
        shape = batch.y.shape[:3]
        draws = [g.geometric(1 - FURTHER, shape[1:]) - 1 for g in batch.generators]
        further = torch.from_numpy(np.stack(draws)).to(batch.y.device)
        share = self.removed(batch.step, batch.context).to(batch.y.device)
        left = batch.with_fewer_steps(share.view(-1, 1, 1).expand(shape), further)
        return super().loss(network, left, state)
