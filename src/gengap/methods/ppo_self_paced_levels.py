"""PPO that practises in few levels at first, whose values grow most, and in more as they settle.

Where episodes begin in level ``i`` the value is on average ``V_t(i)`` after rollout ``t``. Levels
are begun in alike among the ``S_t`` that promise most,

    d_t(i) = V_t(i) - V_{t-1}(i),        V_0 = 0,

the others not at all. ``S_1 = κ K`` of ``K`` levels; where the mean value of those practised in has
settled, ``|V_t - V_{t-1}| <= η |V_{t-1}|``, there are ``κ K`` more from then on.

Helps where some levels teach what others need. Hurts where they do not: the few that it begins with
are learnt by heart meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Context
from gengap.methods.level_sampling import ChoosesLevels
from gengap.methods.ppo import LENGTH, PASSES, VALUE
from gengap.methods.practice import Starts
from gengap.methods.q_learning import part
from gengap.methods.registry import SIMULATOR, register
from gengap.models.networks import Network, Parameters

# Of each run: values of its levels (R, K) after the last rollout, which of them it practises in,
# and what share of all these are (R,).
BEFORE, CHOSEN, SHARE = "levels/value", "levels/chosen", "levels/share"


@register(
    "ppo-self-paced-levels",
    summary="ppo that practises in few levels whose values grow, then in more and more",
    paper=Paper(
        "Self-paced context evaluation for contextual reinforcement learning",
        "Eimer, Biedenkapp, Hutter, Lindauer",
        2021,
        "https://arxiv.org/abs/2106.05110",
    ),
    needs=(SIMULATOR,),
    passes=3.0 + 2 * PASSES,
    replays=LENGTH * 128,
)
@dataclass(frozen=True)
class SelfPacedLevels(ChoosesLevels):
    """PPO with a curriculum by how values grow."""

    increment: float = hyperparameter(
        0.1, 0.05, 0.3, limit=1, help="share of the levels that are added at a time"
    )
    settled: float = hyperparameter(
        0.1, 0.02, 0.3, log=True, help="relative change of values that counts as none"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Nothing is expected of any level."""
        runs = len(next(iter(parameters.values())))
        return {
            BEFORE: torch.zeros(runs, context.environments),
            CHOSEN: torch.zeros(runs, context.environments),
            SHARE: torch.zeros(runs),
        }

    @torch.no_grad()
    def choose(
        self, network: Network, step: int, roll: dict[str, Tensor], state: dict[str, Tensor],
        starts: Starts,
    ) -> None:  # fmt: skip
        """The levels whose values grew most, as many as are due."""
        assert starts.opening is not None
        increment, settled = torch.as_tensor(self.increment), torch.as_tensor(self.settled)
        for run, own in enumerate(starts.levels):
            known = int(own.max()) + 1
            said = part(network.run(run), VALUE)(starts.opening(run)[None]).logits[0, :, 0]
            value = by_level(said.double().cpu().numpy(), own)
            before = state[BEFORE][run, :known].double().numpy()
            practised = state[CHOSEN][run, :known].numpy() > 0
            if not practised.any() or has_settled(value, before, practised, float(settled[run])):
                state[SHARE][run] += increment[run]
            found = promising(value - before, float(state[SHARE][run]))
            starts.chances[run] = found / found.sum()
            state[BEFORE][run, :known] = torch.from_numpy(value).float()
            state[CHOSEN][run, :known] = torch.from_numpy(found).float()


def by_level(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Means ``(K,)`` of values ``(n,)`` of starts over their levels."""
    return np.bincount(level, values) / np.bincount(level)


def has_settled(
    value: np.ndarray, before: np.ndarray, practised: np.ndarray, change: float
) -> bool:
    """Whether the mean value ``(K,)`` of the levels practised in moved by no more than a share."""
    now, then = value[practised].mean(), before[practised].mean()
    return bool(abs(now - then) <= change * abs(then))


def promising(growth: np.ndarray, share: float) -> np.ndarray:
    """1 for the share of the levels ``(K,)``, one at least, that grew most, else 0."""
    count = min(max(round(share * len(growth)), 1), len(growth))
    found = np.zeros(len(growth))
    found[np.argsort(-growth, kind="stable")[:count]] = 1
    return found
