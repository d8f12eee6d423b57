"""Logs of players who err: what learners make of wrong actions, and of mixed skill.

- L. Liu et al., Robust imitation learning from corrupted demonstrations (arXiv 2201.12594): plain
  cloning fails when a constant share of demonstrations is wrong, cloning by the median of means
  does not.
- T. Liu et al., Adaptive advantage-guided policy regularization for offline reinforcement learning
  (arXiv 2405.19909): keeping near better actions than those logged beats keeping near the logged
  ones where players of unlike skill wrote the log.

Agents learn to swing up pendulums and hold them, and are scored from other starts in the contexts
that they learnt in.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np

from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.claims.agents import reached, scores, trained
from gengap.claims.claim import Claim
from gengap.control.levels import Levels
from gengap.control.suites.physical_systems import pendulum

MEDIAN = Paper(
    "Robust imitation learning from corrupted demonstrations",
    "Liu, Tang, Li, Luo",
    2022,
    "https://arxiv.org/abs/2201.12594",
)
GUIDED = Paper(
    "Adaptive advantage-guided policy regularization for offline reinforcement learning",
    "Liu, Li, Lan, Gao, Pan, Xu",
    2024,
    "https://arxiv.org/abs/2405.19909",
)
CONTEXTS, STARTS, STEPS = 40, 5, 2000
WRONG = 0.1  # share of actions replaced by the largest torque
PLAIN, ROBUST, UNIFORM, ADAPTIVE = "bc", "bc-median-of-means", "td3-bc", "a2pr"


def corrupted(draw: int, store: str) -> float:
    """Return lost by plain cloning when a tenth of the actions is wrong."""
    return _reached(draw, store, PLAIN, _swings(draw)) - _reached(draw, store, PLAIN, _spoilt(draw))


def median(draw: int, store: str) -> float:
    """Return by the median of means minus plain cloning's, a tenth of the actions wrong."""
    levels = _spoilt(draw)
    return _reached(draw, store, ROBUST, levels) - _reached(draw, store, PLAIN, levels)


def guided(draw: int, store: str) -> float:
    """Return near better actions minus return near logged ones, players by turns."""
    levels = _swings(draw, "mixed")
    found = []
    for method in (ADAPTIVE, UNIFORM):
        (agent,) = trained(levels, method, draw, store, steps=STEPS, batch=4)
        others = np.setdiff1d(np.arange(len(levels)), agent.train_rows)
        found.append(float(scores(agent, levels, others, "normalised return").mean()))
    return found[0] - found[1]


def _reached(draw: int, store: str, method: str, levels: Levels) -> float:
    return reached(levels, [method], draw, store, "halves", steps=STEPS)[method].seen


@lru_cache(maxsize=4)
def _swings(draw: int, data: Literal["mixed", "expert"] = "expert") -> Levels:
    return pendulum(CONTEXTS, STARTS, data=data, seed=draw)


@lru_cache(maxsize=4)
def _spoilt(draw: int) -> Levels:
    levels = _swings(draw)
    rng, logs = generator(draw, "claims about players"), levels.logs
    wrong = rng.random((len(logs), 1)) < WRONG
    action = np.where(wrong, np.float32(1), logs.action)
    return replace(levels, logs=replace(logs, action=action), name="pendulum, a tenth wrong")


_SETTING = "pendulums of 40 contexts; perceptron"
_SPOILT = "an expert's log, a tenth of its actions replaced by the largest torque; "
CLAIMS = (
    Claim(
        "corrupted-logs-hurt",
        MEDIAN,
        644,
        "Plain cloning fails where a constant share of a log is wrong",
        "normalised return of bc from the expert's log as it is minus from the corrupted one",
        _SPOILT + _SETTING,
        corrupted,
        6,
    ),
    Claim(
        "median-of-means-resists",
        MEDIAN,
        644,
        "Cloning by the median of means resists what is wrong in a log",
        "normalised return from the corrupted log, bc-median-of-means minus bc",
        _SPOILT + _SETTING,
        median,
        6,
    ),
    Claim(
        "advantage-guided-mixed",
        GUIDED,
        600,
        "Keeping near better actions than the logged beats keeping near all logged ones",
        "normalised return, a2pr minus td3-bc, from a log by an expert and a novice by turns",
        _SETTING,
        guided,
        5,
    ),
)
