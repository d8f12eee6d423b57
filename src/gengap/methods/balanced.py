"""Balanced training: every class counts equally within every environment.

With ``s_{e,c}`` the share of class ``c`` in the training part of environment ``e`` and ``n_e`` the
number of classes that occur there, the examples are weighted by

    w_{e,c} = 1 / (n_e s_{e,c})        (0 for classes that do not occur),

so that the weights average 1 over the environment and each class holds ``1 / n_e`` of them. The
batches already hold equally many examples of each environment; together all groups (class within
environment) count alike, which is the reweighting baseline of Idrissi et al.

Helps when a class goes with an environment or is rare, the simplest form of a shortcut. Hurts
when a rare class is rare everywhere, the unseen environment included, and when a handful of
examples carry a large weight: they are then learnt by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import ONE_TARGET, register
from gengap.models.networks import Network


@register(
    "balanced",
    summary="weights examples so that all classes of an environment count equally",
    paper=Paper(
        "Simple data balancing achieves competitive worst-group-accuracy",
        "Idrissi, Arjovsky, Pezeshki, Lopez-Paz",
        2022,
        "https://arxiv.org/abs/2110.14503",
    ),
    tasks=("classification",),
    needs=("environment labels", ONE_TARGET),
)
@dataclass(frozen=True)
class Balanced(Method):
    """Plain training on classes balanced within each environment."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Weighted mean loss."""
        runs = torch.arange(batch.x.shape[0], device=batch.x.device)[:, None]
        weights = class_weights(batch.class_share)[runs, batch.environment]
        losses = batch.losses(network(batch.x).logits)
        return (weights.gather(-1, batch.y) * losses).mean((1, 2))


def class_weights(share: Tensor) -> Tensor:
    """Weight of each class in each environment, ``(R, K, C)`` to the same."""
    occurs = share > 0
    classes = occurs.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(occurs, 1 / (classes * share.clamp(min=torch.finfo().tiny)), 0.0)
