"""PPO that practises where regret is large, by what is known of levels like it.

Levels get codes once, before anything is played: principal components ``c_i`` of what is seen where
episodes begin in them. After each rollout the regret of every level that was played in is estimated
by the mean of ``max(A, 0)`` there, with advantages ``A`` as in ``ppo`` (Jiang et al. 2021,
arXiv:2110.02439); a linear rule learns to tell it from the code,

    min_w  Σ_i (r_i - r̄ - w'c_i)²  +  ρ |w|²,

and levels are begun in by rank of what it says, as in ``ppo-prioritized-levels``. So a level's
chances move with those of levels like it, in a space that stays as it is while the agent learns.
The source draws new levels from its space, by a variational autoencoder and a second agent that
regret is measured by; here the levels are those there are, and without codes each is told by its
own estimate.

Helps where what makes levels hard can be seen, and each is played in seldom. Hurts where it cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Context
from gengap.methods.level_sampling import ChoosesLevels, chances, noted
from gengap.methods.ppo import LENGTH, PASSES
from gengap.methods.ppo_self_paced_levels import by_level
from gengap.methods.practice import Starts
from gengap.methods.registry import SIMULATOR, register
from gengap.models.networks import Network, Parameters

# Of each run and level (R, K): its regret, infinite until it is played in, and the step at which it
# last was; and the levels' codes (R, K, C).
REGRET, SEEN, CODES = "levels/regret", "levels/seen", "levels/codes"
MOST = 8  # numbers of a code
RIDGE = 1.0  # codes have a variance of 1


@register(
    "ppo-latent-levels",
    summary="ppo that practises where regret is large, told by codes of levels",
    paper=Paper(
        "CLUTR: curriculum learning via unsupervised task representation learning",
        "Azad, Gur, Emhoff, Alexis, Faust, Abbeel, Stoica",
        2023,
        "https://arxiv.org/abs/2210.10243",
    ),
    needs=(SIMULATOR,),
    passes=3.0 + 2 * PASSES,
    replays=LENGTH * 128,
)
@dataclass(frozen=True)
class LatentLevels(ChoosesLevels):
    """PPO with chances of levels by regret that is told from codes."""

    codes: int = hyperparameter(
        4, 2, 8, limit=MOST, help="numbers of a level's code; with 0 each counts by itself"
    )
    sharpness: float = hyperparameter(
        1.0, 0.3, 3.0, log=True, help="how much likelier levels of high regret are; 0 is even"
    )
    staleness: float = hyperparameter(
        0.3, 0.1, 0.5, limit=1, help="share of the chances that goes by how long levels waited"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """Levels that nobody has seen."""
        shape = len(next(iter(parameters.values()))), context.environments
        return {
            REGRET: torch.full(shape, torch.inf),
            SEEN: torch.zeros(shape),
            CODES: torch.full((*shape, MOST), torch.nan),
        }

    def choose(
        self, network: Network, step: int, roll: dict[str, Tensor], state: dict[str, Tensor],
        starts: Starts,
    ) -> None:  # fmt: skip
        """By rank of regret as codes tell it, and by how long levels waited."""
        assert starts.opening is not None
        regret = roll["advantage"].clamp(min=0)
        state[REGRET], state[SEEN] = noted(state[REGRET], state[SEEN], roll, regret, step)
        count, sharpness, staleness = (
            torch.as_tensor(own).tolist() for own in (self.codes, self.sharpness, self.staleness)
        )
        for run, own in enumerate(starts.levels):
            known = int(own.max()) + 1
            codes = state[CODES][run, :known]
            if bool(codes.isnan().any()):
                seen = starts.opening(run).flatten(1).double().cpu().numpy()
                codes.copy_(torch.from_numpy(codes_of(seen, own)))
            score = state[REGRET][run, :known].double().numpy()
            if count[run]:
                score = told(score, codes[:, : round(count[run])].double().numpy())
            age = step - state[SEEN][run, :known].numpy()
            starts.chances[run] = chances(score, age, sharpness[run], staleness[run])


def codes_of(seen: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Standardised principal components ``(K, MOST)`` of what is seen in levels on average.

    Args:
        seen: ``(n, d)`` at starts.
        level: ``(n,)`` of the starts.
    """
    mean = np.stack([by_level(column, level) for column in seen.T], 1)
    left, size, _ = np.linalg.svd(mean - mean.mean(0), full_matrices=False)
    kept = size > 1e-6 * max(size[0], 1e-12)
    found = np.zeros((len(mean), MOST))
    own = (left * np.sqrt(len(mean)))[:, kept][:, :MOST]
    found[:, : own.shape[1]] = own * np.sign(own[np.abs(own).argmax(0), np.arange(own.shape[1])])
    return found


def told(regret: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Regret ``(K,)`` as a linear rule tells it by codes ``(K, C)``; infinite where not played."""
    played = np.isfinite(regret)
    if not played.any():
        return regret
    own, mean = codes[played], regret[played].mean()
    square = own.T @ own + RIDGE * np.eye(codes.shape[1])
    weight = np.linalg.solve(square, own.T @ (regret[played] - mean))
    return np.where(played, mean + codes @ weight, np.inf)
