"""An expert's few walks, and what is made of them for places where it never was.

L. Ke et al., CCIL: continuity-based data augmentation for corrective imitation learning (arXiv
2310.12972): labels that a model finds beside an expert's few walks, where dynamics are continuous,
let a clone return when something pushes it off, and lessen how its errors add up. Here two walks
are logged in each of six contexts of a point mass, and two fifths of the actions are replaced
by any while the agent is scored, from other starts in the same contexts.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.agents import trained
from gengap.claims.claim import Claim
from gengap.control.agents import policy_of
from gengap.control.arena import Policy
from gengap.control.levels import Levels
from gengap.control.suites.physical_systems import point_mass

PAPER = Paper(
    "CCIL: continuity-based data augmentation for corrective imitation learning",
    "Ke, Zhang, Deshpande, Srinivasa, Gupta",
    2024,
    "https://arxiv.org/abs/2310.12972",
)
CONTEXTS, STARTS, LOGGED, STEPS, BATCH = 6, 42, 2, 1500, 16
PUSHED = 0.4
PLAIN, CORRECTED = "bc", "ccil"


def pushed(draw: int, store: str) -> float:
    """Success with labels minus plain cloning's, two fifths of the actions replaced."""
    return _success(draw, store, CORRECTED, PUSHED) - _success(draw, store, PLAIN, PUSHED)


def undisturbed(draw: int, store: str) -> float:
    """The same with all actions carried out."""
    return _success(draw, store, CORRECTED, 0.0) - _success(draw, store, PLAIN, 0.0)


@lru_cache(maxsize=4)
def _levels(draw: int) -> Levels:
    return point_mass(CONTEXTS, STARTS, seed=draw)


def _success(draw: int, store: str, method: str, share: float) -> float:
    levels = _levels(draw)
    shown = np.arange(len(levels)) % STARTS < LOGGED
    (agent,) = trained(
        levels, method, draw, store, {"few": shown}, steps=STEPS, batch=BATCH
    )  # fmt: skip
    acting = replaced(policy_of(agent.model, agent.prepared), share, len(levels.actions), draw)
    found = levels.arena.scores(acting, np.flatnonzero(~shown), "success")
    return float(found.mean())


def replaced(own: Policy, share: float, actions: int, draw: int) -> Policy:
    """A policy that prefers any action, in a share of what it is asked about, to its own."""
    rng = generator(draw, "claims about correction")

    def answer(observations: Tensor) -> Tensor:
        found = own(observations)
        other = torch.from_numpy(rng.integers(actions, size=len(found)))
        pushed = torch.from_numpy(rng.random(len(found)) < share)
        preferred = torch.nn.functional.one_hot(other, actions).float()
        return torch.where(pushed[:, None], preferred, found)

    return answer


_SETTING = "point masses of six contexts, two walks of each; perceptron"
CLAIMS = (
    Claim(
        "corrective-labels-recover",
        PAPER,
        756,
        "Corrective labels from continuity let a clone recover when it is pushed off",
        "success with two fifths of the actions replaced by any, ccil minus bc",
        _SETTING,
        pushed,
        8,
    ),
    Claim(
        "corrective-labels-few-walks",
        PAPER,
        756,
        "Corrective labels lessen what errors add up to, from an expert's few walks",
        "success, ccil minus bc",
        _SETTING,
        undisturbed,
        8,
    ),
)
