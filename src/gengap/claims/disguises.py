"""Agents that see pictures, on backgrounds that they have not seen.

D. Bertoin et al., Look where you look! (arXiv 2209.09203): guiding a value by its saliency shrinks
the gap to distracting backgrounds. N. Hansen & X. Wang, Generalization in reinforcement learning by
soft data augmentation (arXiv 2011.13389): values learnt from what there is, beside features that
agree with and without augmentation, generalise better than plain learning and learn sooner than
from augmented data. N. Hansen, H. Su & X. Wang, Stabilizing deep Q-learning under data augmentation
(arXiv 2107.00644): augmenting targets as well slows learning; augmenting predictions alone does
not, and generalises.

Thirty rooms of four by four cells, two pixels each, stand on four painted floors. An agent acts and
learns on two floors and is asked on the other two, from the same starts in the same rooms, so that
nothing but the floor is new. All are deep Q-learning by a small convolutional network, for as many
steps at the same learning rate, which was settled by what plain Q-learning makes of rooms that are
not among the draws. A draw is a deal of rooms, floors, weights and play.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.agents import scores, trained
from gengap.claims.claim import Claim
from gengap.control.suites.painted_rooms import painted_rooms

SALIENCY = Paper(
    "Look where you look! Saliency-guided Q-networks for generalization in visual reinforcement "
    "learning",
    "Bertoin, Zouitine, Zouitine, Rachelson",
    2022,
    "https://arxiv.org/abs/2209.09203",
)
SOFT = Paper(
    "Generalization in reinforcement learning by soft data augmentation",
    "Hansen, Wang",
    2021,
    "https://arxiv.org/abs/2011.13389",
)
STABLE = Paper(
    "Stabilizing deep Q-learning with ConvNets and vision transformers under data augmentation",
    "Hansen, Su, Wang",
    2021,
    "https://arxiv.org/abs/2107.00644",
)
ROOMS = {"levels": 30, "starts": 6, "size": 6, "backgrounds": 4, "pixels": 2, "walls": 0.0}
SEEN = ("floor 0", "floor 1")
AT, BATCH, RATE, NETWORK, DRAWS = (120, 240, 360), 64, 0.003, "cnn(8,16)", 5
APART = 100  # from the rooms that the learning rate was settled in


@cache
def _success(method: str, draw: int, store: str) -> tuple[tuple[float, ...], float]:
    """On floors learnt from after each of some steps, and on the other floors in the end."""
    levels = painted_rooms(seed=APART + draw, **ROOMS)  # type: ignore[arg-type]
    seen = np.isin(np.array(levels.names)[levels.environment], SEEN)
    agents = trained(
        levels, {method: {"learning_rate": RATE}}, draw, store, {"two floors": seen}, AT,
        model=NETWORK, batch=BATCH,
    )  # fmt: skip
    inside = [scores(agent, levels, np.flatnonzero(seen), "success").mean() for agent in agents]
    outside = scores(agents[-1], levels, np.flatnonzero(~seen), "success").mean()
    return tuple(map(float, inside)), float(outside)


def smaller_gap(method: str) -> Any:
    """The gap of plain Q-learning to other floors, less the method's."""

    def measure(draw: int, store: str) -> float:
        plain, own = (_success(name, draw, store) for name in ("dqn", method))
        return (plain[0][-1] - plain[1]) - (own[0][-1] - own[1])

    return measure


def better_outside(method: str) -> Any:
    """The method's success on other floors less that of plain Q-learning."""

    def measure(draw: int, store: str) -> float:
        return _success(method, draw, store)[1] - _success("dqn", draw, store)[1]

    return measure


def sooner(one: str, other: str) -> Any:
    """Success on the floors learnt from, mean over three times of training, of one less another."""

    def measure(draw: int, store: str) -> float:
        first, second = (_success(name, draw, store)[0] for name in (one, other))
        return float(np.mean(first) - np.mean(second))

    return measure


_SETTING = "30 rooms of 4 by 4 cells as pictures on four floors; small convolutional network"
_OTHERS = "success on two floors that were not learnt from"
_LEARNT = "success on the two floors learnt from, mean after 120, 240 and 360 steps"
CLAIMS = (
    Claim(
        "saliency-shrinks-the-gap", SALIENCY, 130,
        "Guiding a Q-network by its saliency shrinks the gap to distracting backgrounds",
        "success on two floors learnt from minus on two others, dqn minus sgqn", _SETTING,
        smaller_gap("sgqn"), DRAWS,
    ),
    Claim(
        "soft-augmentation-generalises", SOFT, 372,
        "Q-learning beside features that augmentation does not change is better where looks are "
        "new",
        f"{_OTHERS}, soda minus dqn", _SETTING, better_outside("soda"), DRAWS,
    ),
    Claim(
        "soft-augmentation-learns-sooner", SOFT, 372,
        "It learns sooner than from augmented data",
        f"{_LEARNT}, soda minus dqn-augmented", _SETTING, sooner("soda", "dqn-augmented"), DRAWS,
    ),
    Claim(
        "augmented-targets-slow-learning", STABLE, 366,
        "Augmenting all that Q-learning learns from slows it",
        f"{_LEARNT}, dqn minus dqn-augmented", _SETTING, sooner("dqn", "dqn-augmented"), DRAWS,
    ),
    Claim(
        "clean-targets-learn-sooner", STABLE, 366,
        "Augmenting predictions and not targets gives that back",
        f"{_LEARNT}, svea minus dqn-augmented", _SETTING, sooner("svea", "dqn-augmented"), DRAWS,
    ),
    Claim(
        "clean-targets-generalise", STABLE, 366,
        "Predictions under augmentation are better where looks are new",
        f"{_OTHERS}, svea minus dqn", _SETTING, better_outside("svea"), DRAWS,
    ),
)  # fmt: skip
