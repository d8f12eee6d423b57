"""What learners share that clone logged actions with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.losses import cross_entropy_slopes
from gengap.methods.q_learning import mean_slopes, pulled
from gengap.models.networks import Network, Parameters

VALUE = "value"

# Weights beyond are cut, so that no single transition decides a step.
LARGEST = 100.0


@torch.no_grad()
def weights(advantage: Tensor, sharpness: Tensor | float) -> Tensor:
    """``min(exp(β u / σ), 100)`` with ``σ`` each run's standard deviation of ``u (R, E, B)``."""
    spread = along_runs(advantage.flatten(1).std(1, correction=0), advantage)
    scaled = advantage / spread.clamp(min=1e-6) * along_runs(sharpness, advantage)
    return scaled.exp().clamp(max=LARGEST)


def cloning_slopes(logits: Tensor, action: Tensor) -> Tensor:
    """Slopes of each run's mean loss of cloning for ``logits (R, E, B, C)``, shaped as they are.

    Args:
        action: ``(R, E, B)`` codes, whose loss is the cross-entropy, or ``(R, E, B, C)`` vectors,
            whose loss is the squared error.
    """
    if action.is_floating_point():
        return 2 * (logits - action) / logits[0, ..., 0].numel()
    return cross_entropy_slopes(logits, action)


@dataclass(frozen=True)
class ReturnCloning(Method):
    """Base of methods that clone by how much more was logged than is usual from there."""

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """The mean return that follows an observation."""
        return {VALUE: (0, 1)}

    def weights(self, advantage: Tensor) -> Tensor:
        """Of returns beyond the mean that follows, ``(R, E, B)``."""
        raise NotImplementedError

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Of weighted cloning and of half the value's squared error, past autograd."""
        after = batch.transitions()
        value, value_back = pulled(network, VALUE, batch.x)
        advantage = after.returns - value.logits[..., 0]
        policy, back = pulled(network, "", batch.x)
        slopes = cloning_slopes(policy.logits, after.action)
        slopes = slopes * self.weights(advantage.detach())[..., None]
        return back(slopes) | value_back(mean_slopes(-advantage)[..., None])
