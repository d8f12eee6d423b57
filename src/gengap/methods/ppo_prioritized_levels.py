"""PPO that practises where its value is most wrong: levels are begun in by priority.

After each rollout every level that was played in gets the mean ``|A|`` of what was played there as
its score (advantages ``A`` as in ``ppo``), the others keep theirs, and levels that were never seen
come first. Levels are then begun in with the chances

    (1 - ρ) rank_i^(-β) / Σ_j rank_j^(-β)  +  ρ (t - t_i) / Σ_j (t - t_j),

with ranks by score and ``t - t_i`` the rollouts since the level was last played in, so that no
score gets too old. ``β = 0`` is near even chances. The sources' ``β`` is 10, for one level after
another; here more than a hundred copies begin between two looks at the scores, and would all go to
the first few.

Helps where levels differ in what is left to learn in them. Hurts where a value is wrong because
nothing can be known there, such as levels of chance: they are practised for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Context
from gengap.methods.level_sampling import ChoosesLevels, chances, noted
from gengap.methods.ppo import LENGTH, PASSES
from gengap.methods.practice import Starts
from gengap.methods.registry import SIMULATOR, register
from gengap.models.networks import Network, Parameters

# Of each run and training environment (R, K): its score, infinite until it is played in, and the
# rollout in which it last was.
SCORE, SEEN = "levels/score", "levels/seen"


@register(
    "ppo-prioritized-levels",
    summary="ppo that practises in the levels where its value is most wrong",
    paper=Paper(
        "Prioritized level replay",
        "Jiang, Grefenstette, Rocktäschel",
        2021,
        "https://arxiv.org/abs/2010.03934",
    ),
    needs=(SIMULATOR,),
    passes=3.0 + 2 * PASSES,
    replays=LENGTH * 128,
)
@dataclass(frozen=True)
class PrioritizedLevels(ChoosesLevels):
    """PPO with chances of levels by the size of their advantages."""

    sharpness: float = hyperparameter(
        1.0, 0.3, 3.0, log=True, help="how much likelier levels of high score are; 0 is even"
    )
    staleness: float = hyperparameter(
        0.3, 0.1, 0.5, limit=1, help="share of the chances that goes by how long levels waited"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Levels that nobody has seen."""
        runs = len(next(iter(parameters.values())))
        return {
            SCORE: torch.full((runs, context.environments), torch.inf),
            SEEN: torch.zeros(runs, context.environments),
        }

    def choose(
        self, network: Network, step: int, roll: dict[str, Tensor], state: dict[str, Tensor],
        starts: Starts,
    ) -> None:  # fmt: skip
        """By rank of the sizes of advantages, and by how long levels waited."""
        size = roll["advantage"].abs()
        state[SCORE], state[SEEN] = noted(state[SCORE], state[SEEN], roll, size, step)
        sharpness, staleness = torch.as_tensor(self.sharpness), torch.as_tensor(self.staleness)
        for run, own in enumerate(starts.levels):
            known = int(own.max()) + 1
            starts.chances[run] = chances(
                state[SCORE][run, :known].numpy(), step - state[SEEN][run, :known].numpy(),
                float(sharpness[run]), float(staleness[run]),
            )  # fmt: skip
