"""Advantage-weighted actor-critic: clone logged actions, weighted by what the policy makes of them.

Twins learn what an action is worth when the policy goes on from there, and the policy clones
logged actions, the more the better they are than what it would do itself,

    L_Q = 1/N Σ Σ_i ½ [Q_i(s, a) - r - γ Σ_b π(b|s') min_j Q'_j(s', b)]²,
    L_π = -1/N Σ min(exp(β A / σ), 100) log π(a|s),
    A = min_i Q_i(s, a) - Σ_b π(b|s) min_i Q_i(s, b),

with slow twins ``Q'`` (:mod:`~gengap.methods.q_learning`). Actions are numbered, so both sums are
exact. ``σ``, the standard deviation of ``A`` in the batch, is not in the source; it lets ``β`` mean
the same whatever the scale of rewards.

Helps on suboptimal logs, and where acting follows learning from the log. Hurts on an expert's log,
as ``iql`` does, and sooner: the values it learns from are those of its own actions, logged or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context
from gengap.methods.q_learning import (
    TWINS,
    Followed,
    mean_slopes,
    part,
    pulled,
    slow,
    target_rate,
    twins,
)
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.weighted_cloning import cloning_slopes, weights
from gengap.models.networks import Network, Parameters


@register(
    "awac",
    summary="clones logged actions, the more the better they are than the policy's own",
    paper=Paper(
        "AWAC: accelerating online reinforcement learning with offline datasets",
        "Nair, Gupta, Dalal, Levine",
        2020,
        "https://arxiv.org/abs/2006.09359",
    ),
    tasks=("classification",),
    needs=(TRANSITIONS,),
    passes=6,
)
@dataclass(frozen=True)
class AWAC(Followed):
    """The policy's own values, and cloning weighted by advantages over it."""

    followed: ClassVar[tuple[str, ...]] = TWINS
    sharpness: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of an advantage of one standard deviation, as a log"
    )
    target_rate: float = target_rate()

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """Twins for values of actions."""
        return twins(context)

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradients of both losses, past autograd."""
        after, behind = batch.transitions(), slow(network, state)
        place = after.action[..., None]
        with torch.no_grad():
            later = [part(behind, name)(after.next_x).logits for name in TWINS]
            onward = part(network, "")(after.next_x).logits
            aim = after.reward + after.goes_on * _expected(onward, torch.minimum(*later))
        made = [pulled(network, name, batch.x) for name in TWINS]
        found: Parameters = {}
        for twin, back in made:
            error = mean_slopes(twin.logits.gather(-1, place) - aim[..., None])
            found |= back(torch.zeros_like(twin.logits).scatter_(-1, place, error))
        policy, back = pulled(network, "", batch.x)
        judged = torch.minimum(*(twin.logits for twin, _ in made))
        advantage = judged.gather(-1, place)[..., 0] - _expected(policy.logits, judged)
        slopes = cloning_slopes(policy.logits, after.action)
        return found | back(slopes * weights(advantage, self.sharpness)[..., None])


@torch.no_grad()
def _expected(logits: Tensor, values: Tensor) -> Tensor:
    """Mean of values under the policy of some logits, ``(R, E, B, A)`` both, ``(R, E, B)``."""
    return (torch.softmax(logits, -1) * values).sum(-1)
