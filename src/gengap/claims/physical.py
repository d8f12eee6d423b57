"""Systems whose physical parameters differ: what telling agents of them is worth, and how.

- C. Benjamins et al., Contextualize me: the case for context in reinforcement learning (arXiv
  2202.04500): what is best depends on the context, so agents need to be told; and even simple
  systems become hard when contexts beyond those learnt from are met.
- S. Rezaei-Shoshtari et al., Hypernetworks for zero-shot transfer in reinforcement learning (arXiv
  2211.15457): a network that makes a policy of the context does better in new contexts than one
  policy that is told it.

Agents clone a controller that knows each of 60 contexts; half of these are learnt from, or the 70%
that have the smallest parameter.
"""

from __future__ import annotations

from gengap.base.paper import Paper
from gengap.claims.agents import Score, reached
from gengap.claims.claim import Claim
from gengap.control.levels import Levels
from gengap.control.suites.physical_systems import pendulum, point_mass

CONTEXT = Paper(
    "Contextualize me: the case for context in reinforcement learning",
    "Benjamins, Eimer, Schubert, Mohan, Döhler, Biedenkapp, Rosenhahn, Hutter, Lindauer",
    2023,
    "https://arxiv.org/abs/2202.04500",
)
HYPER = Paper(
    "Hypernetworks for zero-shot transfer in reinforcement learning",
    "Rezaei-Shoshtari, Morissette, Hogan, Dudek, Meger",
    2023,
    "https://arxiv.org/abs/2211.15457",
)
CONTEXTS, STARTS, STEPS = 60, 5, 2000
PLAIN, MADE = "bc", "hypernetwork"


def told(draw: int, store: str) -> float:
    """Success in new contexts of agents that see them minus of agents that do not."""
    levels = [point_mass(CONTEXTS, STARTS, context=s, seed=draw) for s in ("visible", "hidden")]
    seeing, blind = (_cloned(one, draw, store, "halves") for one in levels)
    return seeing.unseen - blind.unseen


def beyond(draw: int, store: str) -> float:
    """Success where masses beyond those learnt from were learnt from too, minus where not."""
    levels = point_mass(CONTEXTS, STARTS, seed=draw)
    found = _cloned(levels, draw, store, "extrapolate:mass")
    return found.seen - found.unseen


def made_within(draw: int, store: str) -> float:
    """Normalised return in new contexts, hypernetwork minus one policy."""
    return _made(draw, store, "halves")


def made_beyond(draw: int, store: str) -> float:
    """Normalised return with longer rods than learnt from, hypernetwork minus one policy."""
    return _made(draw, store, "extrapolate:length")


def _cloned(levels: Levels, draw: int, store: str, splits: str) -> Score:
    return reached(levels, [PLAIN], draw, store, splits, steps=STEPS)[PLAIN]


def _made(draw: int, store: str, splits: str) -> float:
    levels = pendulum(CONTEXTS, STARTS, seed=draw)
    found = reached(levels, [PLAIN, MADE], draw, store, splits, steps=STEPS)
    return found[MADE].unseen - found[PLAIN].unseen


_MASS = "point masses, 60 contexts of gravity, mass and friction; cloning by a perceptron"
_RODS = "pendulums, 60 contexts of gravity, length, mass and friction; cloning, 2,000 steps"
CLAIMS = (
    Claim(
        "context-needed",
        CONTEXT,
        265,
        "What is best depends on the context, so agents have to see it",
        "success in new contexts of agents that see them minus of agents that do not",
        _MASS,
        told,
        6,
    ),
    Claim(
        "contexts-beyond-are-hard",
        CONTEXT,
        265,
        "Agents that see the context do not carry over to contexts beyond those learnt from",
        "success with masses beyond the lowest 70%, where these were learnt from minus where not",
        _MASS,
        beyond,
        6,
    ),
    Claim(
        "hypernetwork-new-contexts",
        HYPER,
        346,
        "A policy made of the context by a network does better in new contexts than one told it",
        "normalised return in new contexts, hypernetwork minus bc",
        _RODS,
        made_within,
        6,
    ),
    Claim(
        "hypernetwork-contexts-beyond",
        HYPER,
        346,
        "A policy made of the context by a network does better beyond those learnt from too",
        "normalised return with rods longer than the shortest 70%, hypernetwork minus bc",
        _RODS,
        made_beyond,
        6,
    ),
)
