"""Logs that drift: what the system does changes between episodes, and nobody says how.

J. Ackermann, T. Osa & M. Sugiyama, Offline reinforcement learning from datasets with structured
non-stationarity (arXiv 2405.14114): contexts inferred by contrastive predictive coding beat a
policy without contexts, and often do as well as one that is told them. Here a log goes through 60
stretches of five episodes, each with a gravity, a mass and a friction of its own that agents do not
see; half of the stretches are learnt from. The source predicts a context from those before it,
while here stretches come in no order and an episode must show its own.
"""

from __future__ import annotations

from functools import lru_cache

from gengap.base.paper import Paper
from gengap.claims.agents import reached
from gengap.claims.claim import Claim
from gengap.control.suites.physical_systems import point_mass

PAPER = Paper(
    "Offline reinforcement learning from datasets with structured non-stationarity",
    "Ackermann, Osa, Sugiyama",
    2024,
    "https://arxiv.org/abs/2405.14114",
)
STRETCHES, EPISODES, STEPS = 60, 5, 2000
PLAIN, INFERRED = "bc", "contrastive-contexts"


def inferred(draw: int, store: str) -> float:
    """Success in new contexts, inferred minus neither told nor inferred."""
    found, blind, _ = _success(draw, store)
    return found - blind


def nearly_told(draw: int, store: str) -> float:
    """Success in new contexts, inferred minus the middle between told and not told."""
    found, blind, told = _success(draw, store)
    return found - (blind + told) / 2


@lru_cache(maxsize=1)
def _success(draw: int, store: str) -> tuple[float, float, float]:
    """Of agents that infer the context, that do not know of it, and that are told."""

    def unseen(sight: str, method: str) -> float:
        levels = point_mass(STRETCHES, EPISODES, context=sight, seed=draw)
        return reached(levels, [method], draw, store, "halves", steps=STEPS)[method].unseen

    return unseen("hidden", INFERRED), unseen("hidden", PLAIN), unseen("visible", PLAIN)


_SETTING = (
    "point masses, 60 stretches of the log with a gravity, mass and friction each, half learnt "
    "from, 2,000 steps; perceptrons that clone an expert"
)
CLAIMS = (
    Claim(
        "contexts-inferred-by-contrast",
        PAPER,
        743,
        "Where a log drifts, contexts inferred by contrast beat a policy without contexts",
        "success in contexts not learnt from, contrastive-contexts minus bc, both not told",
        _SETTING,
        inferred,
        8,
    ),
    Claim(
        "inferred-contexts-near-told",
        PAPER,
        743,
        "They do nearly as well as a policy that is told the context",
        "success in contexts not learnt from, contrastive-contexts minus the middle between bc "
        "that is told and bc that is not",
        _SETTING,
        nearly_told,
        8,
    ),
)
