"""What methods share that choose, after each rollout, in which levels to begin from now on.

Levels are the training environments of a run. A chooser reads what was played in them and what is
seen where episodes begin in them, and says how likely each is to be begun in.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.methods.batch import Batch
from gengap.methods.optimizers import Optimizer
from gengap.methods.ppo import PPO
from gengap.methods.practice import Starts
from gengap.models.networks import Network


@dataclass(frozen=True)
class ChoosesLevels(PPO):
    """PPO that practises where it chooses."""

    @abstractmethod
    def choose(
        self, network: Network, step: int, roll: dict[str, Tensor], state: dict[str, Tensor],
        starts: Starts,
    ) -> None:  # fmt: skip
        """Say in ``starts.chances`` where to begin, after a rollout that was learnt from."""

    def learn(
        self, network: Network, optimizer: Optimizer, batch: Batch, roll: dict[str, Tensor],
        state: dict[str, Tensor],
    ) -> None:  # fmt: skip
        """Learn from a rollout, then say where to begin from now on."""
        super().learn(network, optimizer, batch, roll, state)
        self.choose(network, batch.step, roll, state, batch.act_in(batch.y[0].numel()).starts)


def noted(
    score: Tensor, seen: Tensor, roll: dict[str, Tensor], values: Tensor, step: int
) -> tuple[Tensor, Tensor]:
    """Scores ``(R, K)`` of levels and when they were last played in, after a rollout.

    Args:
        score, seen: as they were; those of levels that were not played in stay.
        roll: ``level`` of each action, ``(R, T, n)``.
        values: ``(R, T, n)``, whose mean in a level is its score.
        step: taken before.
    """
    level, flat = roll["level"].flatten(1).cpu(), values.flatten(1).cpu()
    told = score.new_zeros(2, *score.shape).cpu()
    total, count = told.scatter_add_(
        2, level.expand(2, -1, -1), torch.stack([flat, torch.ones_like(flat)])
    )
    played = count > 0
    return (
        torch.where(played, total / count.clamp(min=1), score),
        torch.where(played, float(step), seen),
    )


def chances(score: np.ndarray, age: np.ndarray, sharpness: float, staleness: float) -> np.ndarray:
    """How likely each level of one run is to be begun in, ``(K,)``.

    Args:
        score, age: ``(K,)``; levels of equal score share their ranks.
    """
    order = np.sort(-score)
    first, last = (np.searchsorted(order, -score, side) for side in ("left", "right"))
    weight = ((first + 1 + last) / 2) ** -sharpness
    chance = weight / weight.sum()
    if age.sum() > 0:
        chance = (1 - staleness) * chance + staleness * age / age.sum()
    return np.asarray(chance / chance.sum())
