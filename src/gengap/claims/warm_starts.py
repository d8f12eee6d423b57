"""Agents that go on learning by acting, with or without the log they began with.

Z. Zhou et al., Efficient online reinforcement learning fine-tuning need not retain offline data
(arXiv 2412.07762): when an agent that learnt values from a log begins to act and the log is left
out, its values diverge at the onset and what it could is unlearnt; a short warm-up of plain
rollouts prevents that, and then it ends higher than one that retains the log. Here half of the
steps are conservative Q-learning from the log of somebody who learnt meanwhile, in mazes, and half
are Q-learning from the agent's own play (the method ``wsrl``).

K. Lei et al., Uni-O4 (arXiv 2311.03351): an on-policy objective goes over from the log to acting
without unlearning anything, and the log gives it a better start. Here half of the steps clone the
log, and half are PPO from there (``ppo-from-bc``), against PPO that acts from its first step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.levels import Levels
from gengap.control.suites.mazes import mazes

PAPER = Paper(
    "Efficient online reinforcement learning fine-tuning need not retain offline data",
    "Zhou, Peng, Li, Levine, Kumar",
    2025,
    "https://arxiv.org/abs/2412.07762",
)
UNI_O4 = Paper(
    "Uni-O4: unifying online and offline deep reinforcement learning with multi-step on-policy "
    "optimization",
    "Lei, He, Lu, Hu, Gao, Xu",
    2024,
    "https://arxiv.org/abs/2311.03351",
)
MAZES, STARTS = 20, 10
APART = 100  # from the mazes that settings were chosen on
STEPS = 1000
# Steps after which an agent has learnt from the log only, has acted for a while, and is done.
ONSET, SOON = 500, 600
# Shares of the steps: 40 steps of warm-up are 5,120 actions, as many as the source's.
WARM = {"warm_up": 0.04, "retained": 0.0}
BARE = {"warm_up": 0.0, "retained": 0.0}
RETAINING = {"warm_up": 0.0, "retained": 0.5}


def unlearning(draw: int, store: str) -> float:
    """Success at the onset of acting minus success soon after, without log and warm-up."""
    return _warm(draw, store, BARE, ONSET) - _warm(draw, store, BARE, SOON)


def warm_up(draw: int, store: str) -> float:
    """Success soon after the onset, with a warm-up minus without."""
    return _warm(draw, store, WARM, SOON) - _warm(draw, store, BARE, SOON)


def retention(draw: int, store: str) -> float:
    """Success in the end, with a warm-up and no log minus with half of each batch of the log."""
    return _warm(draw, store, WARM, STEPS) - _warm(draw, store, RETAINING, STEPS)


def stable(draw: int, store: str) -> float:
    """Success soon after a clone begins to act minus success when it begins."""
    before, after = (_success(draw, store, "ppo-from-bc", step) for step in (ONSET, SOON))
    return after - before


def head_start(draw: int, store: str) -> float:
    """Success in the end, half of the steps on the log minus all of them acting."""
    clone, scratch = (_success(draw, store, name, STEPS) for name in ("ppo-from-bc", "ppo"))
    return clone - scratch


@lru_cache(maxsize=2)
def _levels(draw: int) -> Levels:
    return mazes(levels=MAZES, starts=STARTS, data="replay", seed=APART + draw)


def _warm(draw: int, store: str, settings: dict[str, float], step: int) -> float:
    return _success(draw, store, {"wsrl": settings}, step)


def _success(draw: int, store: str, method: Any, step: int) -> float:
    """From all starts of the mazes, on a part of which the agent was trained."""
    levels, at = _levels(draw), (ONSET, SOON, STEPS)
    agents = trained(levels, method, draw, store, at=at)
    found = scores(agents[at.index(step)], levels, np.arange(len(levels)), "success")
    return float(found.mean())


_MAZES = "20 mazes and the log of somebody who learnt meanwhile; perceptron"
_SETTING = f"{_MAZES}; wsrl"
CLAIMS = (
    Claim(
        "unlearning-at-onset",
        PAPER,
        601,
        "Without the log, what was learnt from it is lost when acting begins",
        "success when acting begins minus success after 12,800 actions, no warm-up",
        _SETTING,
        unlearning,
        8,
    ),
    Claim(
        "warm-up-prevents-unlearning",
        PAPER,
        601,
        "A short warm-up of rollouts prevents it",
        "success after 12,800 actions, the first 5,120 of them warm-up, minus without warm-up",
        _SETTING,
        warm_up,
        8,
    ),
    Claim(
        "retention-unneeded",
        PAPER,
        601,
        "With a warm-up, agents end higher without the log than with it",
        "success in the end, warm-up and no log minus half of each batch of the log",
        _SETTING,
        retention,
        8,
    ),
    Claim(
        "clone-goes-over",
        UNI_O4,
        686,
        "On-policy learning takes a clone over into acting without unlearning",
        "success after 12,800 actions of a clone minus success before them",
        f"{_MAZES}; ppo-from-bc",
        stable,
        8,
    ),
    Claim(
        "clone-head-start",
        UNI_O4,
        686,
        "The log gives on-policy learning a better start",
        "success after 1,000 steps, half of them cloning, minus all of them acting",
        f"{_MAZES}; ppo-from-bc, ppo",
        head_start,
        8,
    ),
)
