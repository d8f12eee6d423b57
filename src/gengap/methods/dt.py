"""Decision transformer: say what was done where so much was still to come.

Cloning by a transformer (:mod:`~gengap.methods.sequence_model`) that is shown, before each
observation, the discounted return from there on as it was logged. It learns what both good and bad
players do and which is which; to act well is then to ask it for a large return,

    g_0 = the return aimed at,    g_{t+1} = min((g_t - r_t) / γ, g_0),

as what has been earned need not be earned again. The aim is a quantile of the returns of the
training episodes, the largest unless another is asked for. The source counts rewards without a
discount; here a return that comes sooner is larger, which where a goal is reached once tells a good
player from one who dawdles, and what is wanted is never more than was aimed at. Returns are shown
on a scale on which the worst training episode is 0 and the best is 1.

Helps on logs by good and bad players together. Hurts where chance or the level decides what can be
reached, since the return wanted is then not the player's to choose: on a hard level it asks for
what only easy ones give.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Memory
from gengap.methods.batch import Context
from gengap.methods.practice import Windows
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.sequence_model import SequenceModel
from gengap.models.networks import Network, Parameters

# Worst and best return, the aim, and the discount, of each run.
REACH = "reach"


@register(
    "dt",
    summary="decision transformer: clones by history and return to come, then asks for much",
    paper=Paper(
        "Decision transformer: reinforcement learning via sequence modeling",
        "Chen, Lu, Rajeswaran, Lee, Grover, Laskin, Abbeel, Srinivas, Mordatch",
        2021,
        "https://arxiv.org/abs/2106.01345",
    ),
    needs=(TRANSITIONS,),
)
@dataclass(frozen=True)
class DecisionTransformer(SequenceModel):
    """Cloning of actions by the history before them and the return after them."""

    aim: float = hyperparameter(
        1.0, 0.5, 1.0, limit=1, help="quantile of the training episodes' returns to ask for"
    )

    before = 1

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """What returns were logged, ``(R, 4)``; known from the first step on."""
        some = next(iter(parameters.values()))
        return {REACH: some.new_tensor([0.0, 1.0, 1.0, 1.0]).repeat(len(some), 1)}

    def wanted(self, past: Windows, state: dict[str, Tensor]) -> Tensor:
        """Returns from each step on, scaled."""
        low, high = past.reach[:, 0], past.reach[:, -1]
        aim = quantile(past.reach, self.aim)
        state[REACH] = torch.stack([low, high, aim, torch.full_like(low, past.discount)], 1)
        return scaled(past.returns, state[REACH])[..., None]

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The network's and what returns were logged."""
        return {**network.parameters, REACH: state[REACH]}

    def memory(self, network: Network, copies: int) -> Memory:
        """What is wanted, ``(R, copies)``, besides."""
        aim = network.parameters[REACH][:, 2:3]
        return super().memory(network, copies) | {"wanted": aim.repeat(1, copies)}

    def shown_before(self, network: Network, memory: Memory) -> dict[str, Tensor]:
        """What is wanted, scaled."""
        return {"wanted": scaled(memory["wanted"], network.parameters[REACH])[..., None]}

    def remember(self, network: Network, memory: Memory, action: Tensor, reward: Tensor) -> None:
        """Want so much less as was earned."""
        super().remember(network, memory, action, reward)
        aim, discount = network.parameters[REACH][:, 2:].split(1, 1)
        memory["wanted"].copy_(torch.minimum((memory["wanted"] - reward) / discount, aim))


def scaled(returns: Tensor, reach: Tensor) -> Tensor:
    """Returns ``(R, ...)`` on the scale from each run's worst, 0, to its best, 1."""
    shape = len(returns), *(1,) * (returns.dim() - 1)
    low, wide = reach[:, 0].view(shape), (reach[:, 1] - reach[:, 0]).view(shape)
    # Where all episodes returned the same there is no scale to be had from them.
    return (returns - low) / torch.where(wide > 1e-6, wide, 1.0)


def quantile(percentiles: Tensor, share: Tensor | float) -> Tensor:
    """A quantile of each run ``(R,)`` from its percentiles ``(R, 101)``."""
    place = torch.as_tensor(share, device=percentiles.device).expand(len(percentiles)) * 100
    below = place.floor().long().clamp(0, 99)[:, None]
    near = percentiles.gather(1, torch.cat([below, below + 1], 1))
    return torch.lerp(near[:, 0], near[:, 1], (place - below[:, 0]).to(near))
