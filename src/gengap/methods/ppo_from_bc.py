"""PPO that begins as a clone: one policy from the log into acting, with nothing added to either.

The first half of the steps is behaviour cloning, beside which the value learns the returns that
were logged,

    L = -1/N Σ log π(a_i | s_i) + 1/N Σ ½ [V(s_i) - R_i]²

(squared error of the middle where actions are vectors); the second half is ``ppo`` from there,
with moments that begin anew. Policy and value pass from one to the other as they are, which is what
the source builds on: neither has learnt to be pessimistic, so nothing has to be unlearnt. The
source also improves the policy offline, by an ensemble and with estimates of when to stop; that is
left out here.

Helps where acting is dear and a log is at hand, however mediocre its writer. Hurts where the log's
writer takes one way only: a clone that is sure of it tries no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.optimizers import Optimizer
from gengap.methods.ppo import LENGTH, PASSES, PPO, VALUE
from gengap.methods.q_learning import mean_slopes, pulled
from gengap.methods.registry import SIMULATOR, TRANSITIONS, register
from gengap.methods.weighted_cloning import cloning_slopes
from gengap.models.networks import Network, Parameters


@register(
    "ppo-from-bc",
    summary="clones the log, then goes on by ppo",
    paper=Paper(
        "Uni-O4: unifying online and offline deep reinforcement learning with multi-step on-policy "
        "optimization",
        "Lei, He, Lu, Hu, Gao, Xu",
        2024,
        "https://arxiv.org/abs/2311.03351",
    ),
    needs=(TRANSITIONS, SIMULATOR),
    passes=(2 + 3 + 2 * PASSES) / 2,
    replays=LENGTH * 128,
)
@dataclass(frozen=True)
class PPOFromBC(PPO):
    """Cloning, then PPO."""

    def first(self, context: Context) -> int:
        """Half of the steps are of the log."""
        return context.steps // 2

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """Where acting begins."""
        return (torch.full_like(torch.as_tensor(self.learning_rate), self.first(context)).long(),)

    def begin(
        self, phase: int, runs: Tensor, network: Network, optimizer: Optimizer, batch: Batch,
        state: dict[str, Tensor],
    ) -> None:  # fmt: skip
        """Forget the moments of another loss."""
        optimizer.reset(runs)

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """A step on the log, or one of PPO."""
        if batch.step < self.first(batch.context):
            Method.update(self, network, optimizer, batch, state)
        else:
            super().update(network, optimizer, batch, state)

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Of cloning and of the value, past autograd; deviations stay as they are."""
        after = batch.transitions()
        policy, back = pulled(network, "", batch.x)
        value, value_back = pulled(network, VALUE, batch.x)
        error = mean_slopes(value.logits[..., 0] - after.returns)
        still = {name: torch.zeros_like(p) for name, p in network.parameters.items()}
        found = back(cloning_slopes(policy.logits, after.action))
        return still | found | value_back(error[..., None])
