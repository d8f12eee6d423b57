"""Augmented logs: play that is moved elsewhere, at random or only where it is progress.

N. Corrado, Y. Qu, J. Balis, A. Labiosa & J. Hanna, Guided data augmentation for offline
reinforcement learning and imitation learning (arXiv 2310.18247): augmentations that a person would
call progress beat random ones, from few and suboptimal episodes. Here a short-sighted player walks
five times through each of twenty mazes, stretches of five moves are turned and begun elsewhere in
the same maze, and agents walk from fifteen other starts of these mazes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.augmentation import AUGMENTED, augmented
from gengap.control.behaviour import ordinal
from gengap.control.levels import Levels
from gengap.control.suites.mazes import mazes

PAPER = Paper(
    "Guided data augmentation for offline reinforcement learning and imitation learning",
    "Corrado, Qu, Balis, Labiosa, Hanna",
    2024,
    "https://arxiv.org/abs/2310.18247",
)
MAZES, STARTS, LOGGED, SEGMENTS = 20, 20, 5, 20
APART = 300  # from the mazes that settings were looked at on


def cloned(draw: int, store: str) -> float:
    """Success of clones, guided minus random augmentation."""
    return _success(draw, store, "bc", "guided") - _success(draw, store, "bc", "random")


def by_value(draw: int, store: str) -> float:
    """Success of implicit Q-learning, guided minus random augmentation."""
    return _success(draw, store, "iql", "guided") - _success(draw, store, "iql", "random")


def over_none(draw: int, store: str) -> float:
    """Success of clones, guided augmentation minus none."""
    return _success(draw, store, "bc", "guided") - _success(draw, store, "bc", "none")


@lru_cache(maxsize=8)
def _success(draw: int, store: str, method: str, kind: str) -> float:
    """From starts that nobody logged, in the mazes that were."""
    levels = mazes(MAZES, STARTS, data="suboptimal", seed=APART + draw)
    asked = np.flatnonzero(_order(levels) >= LOGGED)
    given, rows = _log(levels, kind, draw)
    (agent,) = trained(given, method, draw, store, {kind: rows})
    return float(scores(agent, levels, asked, "success").mean())


def _log(levels: Levels, kind: str, draw: int) -> tuple[Levels, np.ndarray]:
    """The levels with what is learnt from, ``(n,)`` bool."""
    own = _order(levels) < LOGGED
    if kind == "none":
        return levels, own
    made = augmented(
        levels, np.flatnonzero(own), SEGMENTS, guided=kind == "guided", seed=APART + draw
    )
    new = made.factors[AUGMENTED].to_numpy(bool)
    return made, np.append(own, new[len(own) :])


def _order(levels: Levels) -> np.ndarray:
    return ordinal(levels.environment)


_SETTING = (
    "20 mazes, five walks of a short-sighted player in each, 20 segments of five moves of each "
    "walk; perceptron, 1,000 steps"
)
CLAIMS = (
    Claim(
        "guided-augmentation-cloning",
        PAPER,
        629,
        "Augmentation that is progress beats random augmentation for cloning",
        "success from other starts of the same mazes, guided minus random; bc",
        _SETTING,
        cloned,
        8,
    ),
    Claim(
        "guided-augmentation-values",
        PAPER,
        629,
        "It does so for offline reinforcement learning too",
        "success from other starts of the same mazes, guided minus random; iql",
        _SETTING,
        by_value,
        8,
    ),
    Claim(
        "guided-augmentation-helps",
        PAPER,
        629,
        "It lets agents learn from few and suboptimal episodes",
        "success from other starts of the same mazes, guided minus no augmentation; bc",
        _SETTING,
        over_none,
        8,
    ),
)
