"""Deep Q-networks that start from what another task has taught them.

M. Sabatelli & P. Geurts, On the transferability of deep-Q networks (arXiv 2110.02639): a Q-network
that starts from another task's weights in most cases ends worse than one that starts from drawn
weights. Here a network acts for 500 steps of 128 actions in a task, and for as many in the next.

Two families of tasks. In the first an agent is to touch one of four objects in a room, another in
each task: what is a goal in one task is an end without reward in the other three. In the second the
goal is told and is always to be walked to: through mazes, through pillars without walls between
them, through four rooms. All of a family see and do the same. A draw is a deal of rooms and mazes
of its own, on none of which a setting was looked at.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.control.suites.four_rooms import four_rooms
from gengap.control.suites.instructions import instructions
from gengap.control.suites.mazes import mazes
from gengap.questions.transfer import Transferability, transferability

PAPER = Paper(
    "On the transferability of deep-Q networks",
    "Sabatelli, Geurts",
    2021,
    "https://arxiv.org/abs/2110.02639",
)
LEVELS, STARTS, STEPS, NETWORK, DRAWS = 100, 4, 500, "mlp(64,64)", 5
APART = 100  # from the rooms that settings were looked at in


@cache
def _between(family: str, draw: int, store: str) -> Transferability:
    seed = APART + draw
    own: dict[str, Any] = {"levels": LEVELS, "starts": STARTS, "seed": seed}
    tasks: Any
    if family == "objects":
        tasks = instructions(colours=2, shapes=2, **own).regroup("instruction")
    else:
        tasks = {
            "mazes": mazes(**own),
            "pillars": mazes(loops=1.0, **own),
            "four rooms": four_rooms(size=(9,), **own),
        }
    return transferability(
        tasks, "dqn", model=NETWORK, seeds=[draw], steps=STEPS, checkpoints=str(STEPS),
        jobs=1, threads=1, device="cpu", store=store,
    )  # fmt: skip


def mostly_negative(family: str) -> Any:
    """The share of pairs that end lower from the source's weights, less a half; equal ones half."""

    def measure(draw: int, store: str) -> float:
        late = np.array([pair.late.estimate for pair in _between(family, draw, store).pairs])
        return float(((late < 0) + 0.5 * (late == 0)).mean() - 0.5)

    return measure


CLAIMS = (
    Claim(
        "transfer-mostly-negative",
        PAPER,
        387,
        "A deep Q-network that starts from another task's weights mostly ends worse than one that "
        "starts from drawn weights",
        "share of twelve pairs of tasks that end lower in success from the source's weights, minus "
        "a half; touching one of four objects in a room, another in each task",
        "100 rooms; dqn, perceptron, 500 steps in each task",
        mostly_negative("objects"),
        DRAWS,
    ),
    Claim(
        "transfer-mostly-negative-same-goal",
        PAPER,
        387,
        "It does so between tasks whose goal is the same as well",
        "share of six pairs of tasks that end lower in success from the source's weights, minus a "
        "half; walking to a goal through mazes, pillars or four rooms",
        "100 levels of each; dqn, perceptron, 500 steps in each task",
        mostly_negative("places"),
        DRAWS,
    ),
)
