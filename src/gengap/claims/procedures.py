"""Imitating how an expert found out what to do.

M. Yang, D. Schuurmans, P. Abbeel & O. Nachum, Chain of thought imitation with procedure cloning
(arXiv 2205.10816). The expert of a maze searches from the goal and walks to where the search came
from. One learner clones its actions, another the steps of its search and then the action; both see
the whole maze, learn from the same walks, and walk in mazes of the other half. Their networks
differ, as steps of a search are local and actions are not: what is found speaks of both together.
"""

from __future__ import annotations

from gengap.base.paper import Paper
from gengap.claims.agents import Score, reached
from gengap.claims.claim import Claim
from gengap.control.suites.mazes import mazes

PAPER = Paper(
    "Chain of thought imitation with procedure cloning",
    "Yang, Schuurmans, Abbeel, Nachum",
    2022,
    "https://arxiv.org/abs/2205.10816",
)
LEVELS, SIZE = 40, 7


def unseen_success(draw: int, store: str) -> float:
    """Success in unseen mazes of procedure cloning minus that of cloning."""
    actions, search = _cloned(draw, store)
    return search.unseen - actions.unseen


def smaller_cost(draw: int, store: str) -> float:
    """Cost of unseen mazes for cloning minus that for procedure cloning."""
    actions, search = _cloned(draw, store)
    return (actions.seen - actions.unseen) - (search.seen - search.unseen)


def _cloned(draw: int, store: str) -> tuple[Score, Score]:
    """What cloning of actions reaches, and what procedure cloning does."""
    levels = mazes(levels=LEVELS, size=SIZE, picture=True, seed=draw)
    found = reached(levels, ["bc", "procedure-cloning"], draw, store, "halves")
    return found["bc"], found["procedure-cloning"]


_SETTING = (
    "40 mazes of 7 x 7 seen from above, ten walks of the expert in each; half of them are learnt "
    "from, 1,000 steps of training; actions are cloned by a perceptron, steps by small local "
    "networks"
)
CLAIMS = (
    Claim(
        "procedure-cloning",
        PAPER,
        216,
        "Cloning the steps of the expert's search reaches more in unseen mazes than cloning its "
        "actions",
        "success in unseen mazes of procedure cloning minus that of cloning actions",
        _SETTING,
        unseen_success,
    ),
    Claim(
        "procedure-generalizes",
        PAPER,
        216,
        "Not having seen a maze costs less who clones the search than who clones actions",
        "cost of unseen mazes for cloning actions minus that for procedure cloning",
        _SETTING,
        smaller_cost,
    ),
)
