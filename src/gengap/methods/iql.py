"""Implicit Q-learning: what the better of the logged actions are worth, never asking about others.

Three networks learn side by side. The value ``V`` of a state is an upper expectile of what logged
actions are worth there, so that with ``τ`` near 1 it is the worth of the best of them; ``Q`` learns
from it what an action is worth; the policy clones logged actions, the better the more:

    L_V = 1/N Σ |τ - 1[u < 0]| u²,             u = min_i Q'_i(s, a) - V(s),
    L_Q = 1/N Σ Σ_i ½ [Q_i(s, a) - r - γ V(s')]²,
    L_π = 1/N Σ min(exp(β u / σ), 100) ℓ(π(s), a),

with slow twins ``Q'`` (:mod:`~gengap.methods.q_learning`) and ``ℓ`` the cross-entropy or, where
actions are vectors, the squared error. The source divides by no ``σ``. Here it is the standard
deviation of ``u`` in the batch, because ``β`` has to follow the scale of rewards: with returns
between 0 and 1 advantages are near 0.05, and the source's ``β = 3`` would be plain cloning.

Helps on suboptimal logs with continuous actions or long ways to a reward. Hurts on an expert's
log, where differences between logged actions are errors of ``Q`` and the weights repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.q_learning import (
    TWINS,
    Followed,
    mean_slopes,
    part,
    pulled,
    slow,
    target_rate,
    twins,
    values_of,
    worth,
)
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.weighted_cloning import cloning_slopes, weights
from gengap.models.networks import Network, Parameters

VALUE = "value"


@register(
    "iql",
    summary="clones logged actions, the more the better they are than what is usual there",
    paper=Paper(
        "Offline reinforcement learning with implicit Q-learning",
        "Kostrikov, Nair, Levine",
        2022,
        "https://arxiv.org/abs/2110.06169",
    ),
    needs=(TRANSITIONS,),
    passes=7,
)
@dataclass(frozen=True)
class IQL(Followed):
    """Values by expectiles, and cloning weighted by advantages."""

    followed: ClassVar[tuple[str, ...]] = TWINS
    expectile: float = hyperparameter(
        0.7, 0.5, 0.95, limit=1, help="of the worth of logged actions; near 1 is the best's"
    )
    sharpness: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of an advantage of one standard deviation, as a log"
    )
    target_rate: float = target_rate(0.02)

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """Values of states, and twins for values of actions."""
        return {VALUE: (0, 1), **twins(context)}

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradients of the three losses, past autograd."""
        x, after = batch.x, batch.transitions()
        behind = slow(network, state)
        value, value_back = pulled(network, VALUE, x)
        judged = torch.minimum(*(worth(behind, name, x, after.action) for name in TWINS))
        advantage = judged - value.logits[..., 0]
        found = value_back(mean_slopes(expectile_slopes(advantage, self.expectile))[..., None])
        with torch.no_grad():
            aim = after.reward + after.goes_on * part(network, VALUE)(after.next_x).logits[..., 0]
        for name in TWINS:
            said, back = values_of(network, name, x, after.action)
            found |= back(mean_slopes(said - aim))
        policy, back = pulled(network, "", x)
        slopes = cloning_slopes(policy.logits, after.action)
        return found | back(slopes * weights(advantage, self.sharpness)[..., None])


def expectile_slopes(error: Tensor, expectile: Tensor | float) -> Tensor:
    """Slopes of ``|τ - 1[u < 0]| u²`` for the value that is subtracted in ``u (R, ...)``.

    Args:
        expectile: ``τ``, one number or one per run.
    """
    upper = along_runs(expectile, error)
    return -2 * torch.where(error < 0, 1 - upper, upper) * error
